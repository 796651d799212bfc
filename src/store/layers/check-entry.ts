import { encodeBytes } from '../../util/byte-string.ts'
import { failure } from '../../util/errors.ts'
import type { StoredEntry, StoredRange, StoredType } from './stored-entry.ts'

/** What a tar header says, before anything is believed. */
export interface RawEntry {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: bigint
  readonly size: number
  readonly ranges: readonly StoredRange[]
  readonly linkTarget: string
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

/** Linux: NAME_MAX, PATH_MAX with its NUL. */
const longestPart = 255
const longestPath = 4095
/** Above it lies the kernel's "no owner" (uid_t)-1; a larger number would be cut to another owner (CVE-2024-40635). */
const largestOwner = 0xffff_fffe
/** On-disk limits of a device number on Linux. */
const largestMajor = 0xfff
const largestMinor = 0xf_ffff
/** ext4's largest file with 4 KiB blocks; a sparse header can claim exabytes for nothing. */
const largestFile = 16 * 2 ** 40
const whiteoutPrefix = '.wh.'
const opaqueMarker = '.wh..wh..opq'

/**
 * Checks one tar entry against the attack table for layer archives and gives it the store's form. Undefined for
 * entries that carry nothing (overlay and aufs bookkeeping). Throws LAYER_* errors that name the entry.
 */
export function checkEntry(raw: RawEntry): StoredEntry | undefined {
  const path = cleanPath(raw.path, raw.path)
  if (raw.uid < 0 || raw.uid > largestOwner || raw.gid < 0 || raw.gid > largestOwner)
    throw failure('LAYER_OWNER_RANGE', { path: raw.path, owner: `${String(raw.uid)}:${String(raw.gid)}` })
  if (path === '' && raw.type !== 'directory') throw failure('LAYER_ROOT_TYPE', { type: raw.type })
  const whiteout = parseWhiteout(path)
  if (whiteout === 'ignored') return undefined
  if (whiteout !== undefined) return markerOf(raw, whiteout)
  checkSize(raw)
  checkDevice(raw)
  return {
    path,
    type: raw.type,
    mode: raw.mode & 0o7777,
    uid: raw.uid,
    gid: raw.gid,
    mtime: raw.mtime,
    size: raw.type === 'file' ? raw.size : 0,
    ranges: raw.type === 'file' ? raw.ranges : [],
    linkTarget: checkTarget(raw),
    major: raw.major,
    minor: raw.minor,
    xattrs: keptXattrs(raw.xattrs),
  }
}

/** Parts joined by single slashes, without `.`; `..` is refused even where it would stay inside. */
function cleanPath(path: string, shown: string): string {
  if (path.includes('\0')) throw failure('LAYER_PATH_INVALID', { path: shown, reason: 'it holds a NUL byte' })
  if (path.length > longestPath || encodeBytes(path).length > longestPath)
    throw failure('LAYER_PATH_TOO_LONG', { path: `${shown.slice(0, 60)}…`, limit: longestPath })
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  for (const part of parts) {
    if (part === '..') throw failure('LAYER_PATH_ESCAPE', { path: shown })
    if (
      part.length > longestPart ||
      (part.length * 3 > longestPart && encodeBytes(part).length > longestPart)
    )
      throw failure('LAYER_PATH_TOO_LONG', { path: `${part.slice(0, 60)}…`, limit: longestPart })
  }
  return parts.join('/')
}

interface Whiteout {
  readonly type: Extract<StoredType, 'whiteout' | 'opaque'>
  readonly path: string
}

/** Source: OCI image-spec 1.1, layer.md, "Whiteouts". */
function parseWhiteout(path: string): Whiteout | 'ignored' | undefined {
  if (!path.includes(whiteoutPrefix)) return undefined
  const parts = path.split('/')
  const name = parts.pop() ?? ''
  const folder = parts.join('/')
  // a `.wh.x` folder would be bookkeeping for one reader and content for another
  if (parts.some((part) => part.startsWith(whiteoutPrefix))) {
    if (parts.some((part) => part.startsWith('.wh..wh.'))) return 'ignored'
    throw failure('LAYER_WHITEOUT_INVALID', { path })
  }
  if (!name.startsWith(whiteoutPrefix)) return undefined
  if (name === opaqueMarker) return { type: 'opaque', path: folder }
  // aufs bookkeeping (.wh..wh.aufs, .wh..wh.orph, .wh..wh.plnk)
  if (name.startsWith('.wh..wh.')) return 'ignored'
  const hidden = name.slice(whiteoutPrefix.length)
  // `.wh...` would remove the folder above the layer (umoci 0.6.0 did)
  if (hidden === '' || hidden === '.' || hidden === '..') throw failure('LAYER_WHITEOUT_INVALID', { path })
  return { type: 'whiteout', path: folder === '' ? hidden : `${folder}/${hidden}` }
}

function markerOf(raw: RawEntry, { type, path }: Whiteout): StoredEntry {
  // folders, links and devices are no markers: some readers would make them as what they are
  if (raw.type !== 'file') throw failure('LAYER_WHITEOUT_INVALID', { path: raw.path })
  const nothing = {
    size: 0,
    ranges: [],
    linkTarget: '',
    major: 0,
    minor: 0,
    xattrs: new Map<string, Uint8Array>(),
  }
  return { path, type, mode: 0, uid: 0, gid: 0, mtime: raw.mtime, ...nothing }
}

function checkSize(raw: RawEntry): void {
  if (raw.size > largestFile)
    throw failure('LAYER_LIMIT', { what: `size of ${raw.path}`, found: raw.size, limit: largestFile })
}

function checkDevice(raw: RawEntry): void {
  if (raw.type !== 'char' && raw.type !== 'block') return
  const { major, minor } = raw
  if (major < 0 || minor < 0 || major > largestMajor || minor > largestMinor)
    throw failure('LAYER_DEVICE_INVALID', { path: raw.path, device: `${String(major)}:${String(minor)}` })
  // overlayfs takes a 0/0 character device for a whiteout: it would hide files of the layers below
  if (raw.type === 'char' && major === 0 && minor === 0)
    throw failure('LAYER_DEVICE_INVALID', { path: raw.path, device: '0:0' })
}

function checkTarget(raw: RawEntry): string {
  if (raw.type !== 'symlink' && raw.type !== 'hardlink') return ''
  const target = raw.linkTarget
  if (target === '' || target.includes('\0')) throw failure('LAYER_LINK_TARGET', { path: raw.path, target })
  if (encodeBytes(target).length > longestPath)
    throw failure('LAYER_PATH_TOO_LONG', { path: `${target.slice(0, 60)}…`, limit: longestPath })
  if (raw.type === 'symlink') return target
  // an absolute target could mean the host's root to another reader
  if (target.startsWith('/') || target.split('/').includes('..'))
    throw failure('LAYER_LINK_TARGET', { path: raw.path, target })
  return cleanPath(target, target)
}

/** overlayfs reads these from lower layers: an image must not steer it (hide, redirect, fetch other files' content). */
function keptXattrs(xattrs: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const dangerous = [...xattrs.keys()].some(isOverlayXattr)
  return dangerous ? new Map([...xattrs].filter(([name]) => !isOverlayXattr(name))) : xattrs
}

export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')
}
