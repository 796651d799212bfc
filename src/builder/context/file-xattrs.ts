import { getXattr, isUserXattr, listXattrs } from '../../linux/xattr.ts'

/** `trusted.overlay.*` is the mount's own; labels of a security module belong to this machine. */
const machineXattrs = /^(trusted\.|security\.(selinux|apparmor|ima|evm)$|system\.|user\.overlay\.)/

/** Undefined for none. A context gives only what a user sets on purpose. */
export function readXattrs(
  target: string | number,
  isContext: boolean,
): ReadonlyMap<string, Uint8Array> | undefined {
  const names = listXattrs(target).filter((name) => !machineXattrs.test(name))
  const wanted = isContext ? names.filter(isUserXattr) : names
  if (wanted.length === 0) return undefined
  return new Map(
    wanted.flatMap((name) => {
      const value = getXattr(target, name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}
