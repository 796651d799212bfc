import { getXattr, listXattrs } from '../../linux/xattr.ts'
import { isOverlayXattr } from '../layers/overlay-xattr.ts'

/** Attributes of an open object, without overlayfs's own: those must not get into a layer. */
export function readXattrs(handle: number): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const name of listXattrs(handle)) {
    if (isOverlayXattr(name)) continue
    const value = getXattr(handle, name)
    if (value !== undefined) found.set(name, value)
  }
  return found
}
