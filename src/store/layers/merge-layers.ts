import type { LayerEntry } from '../store.ts'
import type { WritableEntry } from './layer-writer.ts'
import type { StoredEntry } from './stored-entry.ts'

export interface MergeLayer {
  readonly tar: string
  readonly entries: readonly StoredEntry[]
}

/**
 * The entries of one layer that does to what lies below what `layers`, bottom first, do one after the other. What a
 * lower one hid stays hidden, unless it is made again.
 */
export function mergeLayers(layers: readonly MergeLayer[]): WritableEntry[] {
  const nodes = new Map<string, WritableEntry>()
  const markers = new Map<string, WritableEntry>()
  for (const layer of layers) {
    // first what the layer hides of those below it: its own files are not meant
    for (const entry of layer.entries)
      if (entry.type === 'whiteout' || entry.type === 'opaque') hide(nodes, markers, entry)
    for (const entry of layer.entries) {
      if (entry.type === 'whiteout' || entry.type === 'opaque') continue
      const before = nodes.get(entry.path)
      if (before?.type === 'directory' && entry.type !== 'directory') removeBelow(nodes, entry.path)
      if (entry.type === 'directory' && markers.delete(`whiteout ${entry.path}`))
        markers.set(`opaque ${entry.path}`, { ...toEntry(entry, layer.tar), type: 'opaque', mode: 0 })
      markers.delete(`whiteout ${entry.path}`)
      if (entry.type === 'hardlink')
        nodes.set(entry.path, { ...toEntry(entry, layer.tar), ...resolveLink(nodes, entry) })
      else nodes.set(entry.path, toEntry(entry, layer.tar))
    }
  }
  return [...markers.values(), ...nodes.values()]
}

/** A hard link to what the merged layers hold stays one. */
function resolveLink(nodes: ReadonlyMap<string, WritableEntry>, entry: StoredEntry): Partial<LayerEntry> {
  const target = nodes.get(entry.linkTarget)
  return target?.type === 'hardlink' && target.linkTarget !== undefined
    ? { linkTarget: target.linkTarget }
    : {}
}

function hide(
  nodes: Map<string, WritableEntry>,
  markers: Map<string, WritableEntry>,
  entry: StoredEntry,
): void {
  removeBelow(nodes, entry.path)
  removeMarkersBelow(markers, entry.path)
  if (entry.type === 'whiteout') nodes.delete(entry.path)
  markers.set(`${entry.type} ${entry.path}`, {
    path: entry.path,
    type: entry.type,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: entry.mtime,
  })
}

function removeBelow(nodes: Map<string, WritableEntry>, path: string): void {
  const prefix = path === '' ? '' : `${path}/`
  for (const known of nodes.keys()) if (known !== path && known.startsWith(prefix)) nodes.delete(known)
}

function removeMarkersBelow(markers: Map<string, WritableEntry>, path: string): void {
  const prefix = path === '' ? '' : `${path}/`
  for (const [key, marker] of markers) if (marker.path.startsWith(prefix)) markers.delete(key)
}

function toEntry(entry: StoredEntry, tar: string): WritableEntry {
  const { path, type, mode, uid, gid, mtime, size, linkTarget, major, minor, xattrs } = entry
  return {
    path,
    type,
    mode,
    uid,
    gid,
    mtime,
    ...(type === 'file' ? { size, body: { kind: 'ranges', tar, ranges: entry.ranges } as const } : {}),
    ...(linkTarget === '' ? {} : { linkTarget }),
    ...(type === 'char' || type === 'block' ? { device: { major, minor } } : {}),
    ...(xattrs.size === 0 ? {} : { xattrs }),
  }
}
