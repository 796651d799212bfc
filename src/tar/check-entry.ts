import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import type { TarEntry } from './entry.ts'
import { defaultTarLimits, type TarLimits } from './limits.ts'

/** What a layer entry asks for: a node at `path`, or that something of the layers below is hidden. */
export type LayerEntryKind =
  | 'node'
  /** `.wh.NAME`: `path` (NAME in its folder) of the layers below is gone. */
  | 'whiteout'
  /** `.wh..wh..opq`: everything below the folder `path` in lower layers is gone. */
  | 'opaque'
  /** Bookkeeping of the old AUFS driver (`.wh..wh.plnk`): no part of the image. */
  | 'ignored'

/** An entry that by itself may stand in a layer; what needs the tree (links on the way, kinds of parents) is not judged here. */
export interface LayerTarEntry {
  readonly kind: LayerEntryKind
  /** Relative, clean: no `.`, `..`, empty part or slash at either end. '' is the root. Bytes as `decodeBytes` gives them. */
  readonly path: string
  /** The clean path that a hard link names, never ''. */
  readonly linkPath?: string
  /** Attributes that may be set; absent when none are left. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  readonly entry: TarEntry
}

const whiteoutPrefix = '.wh.'
const opaqueName = '.wh..wh..opq'
/** symlink(2) takes a target of PATH_MAX - 1 bytes. */
const maxSymlink = 4095

/**
 * Applies the rules that one entry alone decides (reliability rows C-T1, 2, 5, 7, 9, 10, 13, 14, 19, 25).
 * Paths are cleaned as text: a leading slash means the root of the image; `a/../b` is `b`, and one `..` too many is
 * refused, not cut. Hard link targets likewise: some builders write them absolute, meaning the root of the image.
 * @throws LAYER_PATH_ESCAPE, LAYER_PATH_INVALID, LAYER_PATH_TOO_LONG, LAYER_ROOT_TYPE, LAYER_WHITEOUT_INVALID,
 * LAYER_LINK_TARGET, LAYER_DEVICE_INVALID
 */
export function checkLayerEntry(entry: TarEntry, limits: TarLimits = defaultTarLimits): LayerTarEntry {
  if (entry.path === '' || entry.path.includes('\0'))
    throw failure('LAYER_PATH_INVALID', { path: entry.path, reason: 'empty name or NUL byte' })
  const parts = cleanParts(entry.path)
  if (parts === undefined) throw failure('LAYER_PATH_ESCAPE', { path: entry.path })
  const path = parts.join('/')
  checkLength(path, parts, limits)
  if (path === '' && entry.type !== 'directory') throw failure('LAYER_ROOT_TYPE', { type: entry.type })
  const hidden = readWhiteout(parts, entry)
  if (hidden !== undefined) return { ...hidden, entry }
  const xattrs = keptXattrs(entry.xattrs)
  const linkPath = checkTarget(entry, path, limits)
  // A whiteout of overlayfs: it would hide what lies below it without the image format saying so.
  if (entry.type === 'char' && entry.device?.major === 0 && entry.device.minor === 0)
    throw failure('LAYER_DEVICE_INVALID', { path: entry.path, device: '0:0' })
  return {
    kind: 'node',
    path,
    entry,
    ...(linkPath !== undefined && { linkPath }),
    ...(xattrs !== undefined && { xattrs }),
  }
}

/** Undefined when the path leaves the root. */
function cleanParts(path: string): string[] | undefined {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts
}

function checkLength(path: string, parts: readonly string[], limits: TarLimits): void {
  // A UTF-16 unit is at most three bytes: most names need no exact count.
  if (path.length * 3 > limits.pathBytes && byteLength(path) > limits.pathBytes)
    throw failure('LAYER_PATH_TOO_LONG', { path: shorten(path), limit: limits.pathBytes })
  for (const part of parts)
    if (part.length * 3 > limits.partBytes && byteLength(part) > limits.partBytes)
      throw failure('LAYER_PATH_TOO_LONG', { path: shorten(path), limit: limits.partBytes })
}

function byteLength(text: string): number {
  return text.isWellFormed() ? Buffer.byteLength(text) : encodeBytes(text).length
}

function shorten(path: string): string {
  return path.length > 80 ? `${path.slice(0, 80)}…` : path
}

function readWhiteout(
  parts: readonly string[],
  entry: TarEntry,
): { readonly kind: LayerEntryKind; readonly path: string } | undefined {
  const at = parts.findIndex((part) => part.startsWith(whiteoutPrefix))
  if (at < 0) return undefined
  const name = parts[at] ?? ''
  const folder = parts.slice(0, at).join('/')
  const path = parts.join('/')
  const invalid = (): Error => failure('LAYER_WHITEOUT_INVALID', { path: entry.path })
  if (at === 0 && name.startsWith('.wh..wh.') && name !== opaqueName) return { kind: 'ignored', path }
  if (at !== parts.length - 1 || entry.type === 'directory') throw invalid()
  if (name === opaqueName) return { kind: 'opaque', path: folder }
  const target = name.slice(whiteoutPrefix.length)
  // `.wh...` would name the parent of the folder, `.wh..` and `.wh.` the folder itself.
  if (target === '' || target === '.' || target === '..' || target.startsWith(whiteoutPrefix)) throw invalid()
  return { kind: 'whiteout', path: folder === '' ? target : `${folder}/${target}` }
}

/** Checks a symbolic link's target; returns the clean path of a hard link's. */
function checkTarget(entry: TarEntry, path: string, limits: TarLimits): string | undefined {
  const target = entry.linkTarget
  if (target === undefined) return undefined
  const refused = (): Error => failure('LAYER_LINK_TARGET', { path: entry.path, target: shorten(target) })
  if (target === '' || target.includes('\0')) throw refused()
  if (entry.type === 'symlink') {
    if (target.length * 3 > maxSymlink && byteLength(target) > maxSymlink)
      throw failure('LAYER_PATH_TOO_LONG', { path: entry.path, limit: maxSymlink })
    return undefined
  }
  const parts = cleanParts(target)
  if (parts === undefined || parts.length === 0) throw refused()
  const linkPath = parts.join('/')
  checkLength(linkPath, parts, limits)
  if (linkPath === path) throw refused()
  return linkPath
}

/**
 * Leaves only attributes that a file system takes, and none that overlayfs obeys: a layer that could say `redirect`
 * or `opaque` would show another folder's content.
 */
function keptXattrs(
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
): ReadonlyMap<string, Uint8Array> | undefined {
  if (xattrs === undefined) return undefined
  const kept = new Map<string, Uint8Array>()
  for (const [name, value] of xattrs) if (isSettable(name)) kept.set(name, value)
  return kept.size === 0 ? undefined : kept
}

function isSettable(name: string): boolean {
  if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) return false
  if (byteLength(name) > 255) return false
  return (
    /^(?:user|trusted|security)\../su.test(name) ||
    name === 'system.posix_acl_access' ||
    name === 'system.posix_acl_default'
  )
}
