import { bindLibc, cPath } from './libc.ts'
import { check } from './system-failure.ts'

/** Flags of mount(2). */
export const mountFlags = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  remount: 0x20,
  bind: 0x1000,
  move: 0x2000,
  recursive: 0x4000,
  private: 0x40000,
  slave: 0x80000,
} as const

/** Flags of umount2(2). */
export const unmountFlags = { force: 0x1, detach: 0x2, expire: 0x4, noFollow: 0x8 } as const

type CPath = string | Uint8Array
const mountCall = bindLibc<[CPath, CPath, CPath | null, number, CPath | null]>('mount', 'int', [
  'const char *',
  'const char *',
  'const char *',
  'uint64_t',
  'const char *',
])
const umountCall = bindLibc<[CPath, number]>('umount2', 'int', ['const char *', 'int'])

export interface MountCall {
  readonly source: string
  readonly target: string
  readonly type?: string
  readonly flags?: number
  /** At most 4,095 bytes; use `mountFileSystem` for more. */
  readonly data?: string
}

/** mount(2). */
export function mount({ source, target, type, flags = 0, data }: MountCall): void {
  const typeArgument = type === undefined ? null : cPath(type)
  const dataArgument = data === undefined ? null : cPath(data)
  check(mountCall(cPath(source), cPath(target), typeArgument, flags, dataArgument), 'mount', target)
}

/** umount2(2), never through a symlink at `target`. */
export function unmount(target: string, flags: number = 0): void {
  check(umountCall(cPath(target), flags | unmountFlags.noFollow), 'umount', target)
}
