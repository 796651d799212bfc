import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { utimensat } from '../../linux/at.ts'
import { currentFolder } from '../../linux/openat2.ts'
import { setXattr } from '../../linux/xattr.ts'
import type { StoredEntry } from '../layers/stored-entry.ts'
import type { RootMetadata } from './dependencies.ts'

/** An empty root: that of `scratch`, and of layers that never list theirs. */
export const plainRoot: RootMetadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0n, xattrs: new Map() }

/** The root after a layer: as the layer lists it, else as below. */
export function rootAfter(entries: readonly StoredEntry[], below: RootMetadata): RootMetadata {
  return entries.findLast((entry) => entry.path === '' && entry.type === 'directory') ?? below
}

/** A new folder that looks like the root. */
export function makeRootFolder(path: string, root: RootMetadata): void {
  mkdirSync(path, { mode: 0o700 })
  chownSync(path, root.uid, root.gid)
  chmodSync(path, root.mode)
  for (const [name, value] of root.xattrs) setXattr(path, name, value)
  utimensat(currentFolder, path, root.mtime, root.mtime)
}
