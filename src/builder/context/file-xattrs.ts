import { bindLibc } from '../../linux/libc.ts'
import { getXattr, listXattrs } from '../../linux/xattr.ts'

/** `trusted.overlay.*` is the mount's own; labels of a security module belong to this machine. */
const machineXattrs = /^(trusted\.|security\.(selinux|apparmor|ima|evm)$|system\.|user\.overlay\.)/

/** Undefined for none. A context gives only what a user sets on purpose. */
export function readXattrs(
  target: string | number,
  isContext: boolean,
): ReadonlyMap<string, Uint8Array> | undefined {
  const names = listXattrs(target).filter((name) => !machineXattrs.test(name))
  const wanted = isContext ? names.filter((name) => /^(user\.|security\.capability$)/.test(name)) : names
  if (wanted.length === 0) return undefined
  return new Map(
    wanted.flatMap((name) => {
      const value = getXattr(target, name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}

const flistxattrCall = bindLibc<[number, Uint8Array | null, number]>('flistxattr', 'int64_t', [
  'int',
  'void *',
  'uint64_t',
])

/** Asked of every file that is hashed: most have none, which one cheap call tells. */
export function hasXattrs(descriptor: number): boolean {
  if (flistxattrCall(descriptor, null, 0) <= 0) return false
  return listXattrs(descriptor).some((name) => /^(user\.|security\.capability$)/.test(name))
}
