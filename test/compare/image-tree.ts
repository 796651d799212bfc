import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { TarEntry } from '../../src/tar/entry.ts'
import { readTar } from '../../src/tar/read-tar.ts'

/** What is at a path of an image, all that another tool can see of it. */
export interface TreeNode {
  readonly type: string
  readonly mode: string
  readonly owner: string
  readonly size?: number
  readonly digest?: string
  readonly target?: string
  readonly device?: string
  readonly xattrs?: string
  /** Seconds since the epoch. */
  readonly time: number
}

export interface ImageTree {
  /** Hard links are one node under several names. */
  readonly nodes: ReadonlyMap<string, TreeNode>
  /** Of each layer: does it more than give a folder another time? */
  readonly changes: readonly boolean[]
}

/** Puts layers on one another as the specification of image layers says. */
export async function imageTree(layers: readonly Buffer[]): Promise<ImageTree> {
  const nodes = new Map<string, TreeNode>()
  const changes: boolean[] = []
  for (const layer of layers) {
    const before = timeless(nodes)
    const members: { readonly path: string; readonly entry: TarEntry; readonly bytes: Buffer }[] = []
    for await (const { entry, body } of readTar(chunks(layer)))
      members.push({ path: cleanPath(entry.path), entry, bytes: await buffer(body) })
    for (const { path } of members) hide(nodes, path)
    for (const { path, entry, bytes } of members) if (!isMarker(path)) put(nodes, path, entry, bytes)
    changes.push(timeless(nodes) !== before)
  }
  return { nodes, changes }
}

/** All of a tree but the times of folders, to be compared. */
function timeless(nodes: ReadonlyMap<string, TreeNode>): string {
  const shown = [...nodes].map(([path, node]) => [
    path,
    node.type === 'directory' ? { ...node, time: 0 } : node,
  ])
  return JSON.stringify(shown.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}

/** What tools make of a folder that no layer describes. */
const impliedFolder: TreeNode = { type: 'directory', mode: '0755', owner: '0:0', time: 0 }

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function cleanPath(path: string): string {
  return path.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')
}

function isMarker(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith('.wh.')
}

function hide(tree: Map<string, TreeNode>, path: string): void {
  if (!isMarker(path)) return
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash + '.wh.'.length)
  if (name === '.wh..opq') removeBelow(tree, path.slice(0, Math.max(0, slash - 1)))
  else {
    tree.delete(path.slice(0, slash) + name)
    removeBelow(tree, path.slice(0, slash) + name)
  }
}

function removeBelow(tree: Map<string, TreeNode>, folder: string): void {
  const prefix = folder === '' ? '' : `${folder}/`
  for (const path of tree.keys()) if (path.startsWith(prefix) && path !== folder) tree.delete(path)
}

function put(tree: Map<string, TreeNode>, path: string, entry: TarEntry, bytes: Buffer): void {
  if (path === '' || path === '.') return
  if (entry.type !== 'directory') removeBelow(tree, path)
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (!tree.has(path.slice(0, at))) tree.set(path.slice(0, at), impliedFolder)
  const linked = entry.type === 'hardlink' ? tree.get(cleanPath(entry.linkTarget ?? '')) : undefined
  tree.set(path, linked ?? toNode(entry, bytes))
}

function toNode(entry: TarEntry, bytes: Buffer): TreeNode {
  const { type, mode, uid, gid, linkTarget, device, xattrs, mtime } = entry
  const isFile = type === 'file'
  return {
    type,
    mode: mode.toString(8).padStart(4, '0'),
    owner: `${uid}:${gid}`,
    ...(isFile && { size: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }),
    ...(type === 'symlink' && { target: linkTarget ?? '' }),
    ...(device !== undefined && { device: `${device.major}:${device.minor}` }),
    ...(xattrs !== undefined && { xattrs: xattrText(xattrs) }),
    time: Math.floor(Number(mtime / 1_000_000_000n)),
  }
}

function xattrText(xattrs: ReadonlyMap<string, Uint8Array>): string {
  return [...xattrs]
    .map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
    .sort()
    .join(' ')
}
