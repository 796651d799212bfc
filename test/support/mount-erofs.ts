import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mount, mountFlags, unmount } from '../../src/linux/mount.ts'

/** Mounts an index over its tar below `folder`; disposing unmounts. */
export function mountErofs(
  folder: string,
  index: Uint8Array,
  tar: string,
): Disposable & { readonly path: string } {
  mkdirSync(folder, { recursive: true })
  const image = join(folder, 'index.erofs')
  const path = join(folder, 'root')
  writeFileSync(image, index)
  mkdirSync(path)
  mount({ source: image, target: path, type: 'erofs', flags: mountFlags.readOnly, data: `device=${tar}` })
  return { path, [Symbol.dispose]: () => unmount(path) }
}
