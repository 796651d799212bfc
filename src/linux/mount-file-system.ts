import { closeSync, readSync } from 'node:fs'
import { bindSyscall, cPath, lastErrno } from './libc.ts'
import { check, systemFailure } from './system-failure.ts'

type CPath = string | Uint8Array
const fsopenCall = bindSyscall<[CPath, number]>(430, ['const char *', 'uint'])
const fsconfigCall = bindSyscall<[number, number, CPath | null, CPath | null, number]>(431, [
  'int',
  'uint',
  'const char *',
  'const char *',
  'int',
])
const fsmountCall = bindSyscall<[number, number, number]>(432, ['int', 'uint', 'uint'])
const moveMountCall = bindSyscall<[number, CPath, number, CPath, number]>(429, [
  'int',
  'const char *',
  'int',
  'const char *',
  'uint',
])

const closeOnExec = 1
const setFlag = 0
const setString = 1
const createSuperblock = 6
const fromEmptyPath = 0x4
const currentFolder = -100

/** Attributes of fsmount(2). */
export const mountAttributes = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
} as const

/** One mount option: a flag when `value` is absent. The same key may come many times (`lowerdir+`). */
export interface MountOption {
  readonly key: string
  /** At most 255 bytes: a limit of fsconfig(2). */
  readonly value?: string
}

export interface FileSystemMount {
  readonly type: string
  readonly target: string
  readonly options: readonly MountOption[]
  readonly attributes?: number
}

/**
 * Mounts by fsopen, fsconfig, fsmount and move_mount (Linux 5.2): no limit on the sum of the options. On failure the
 * error's cause holds what the file system said about it. Nothing is mounted then.
 */
export function mountFileSystem(request: FileSystemMount): void {
  const { type, target } = request
  const context = check(fsopenCall(cPath(type), closeOnExec), `fsopen ${type}`, target)
  try {
    for (const option of request.options) configure(context, option, request)
    step(fsconfigCall(context, createSuperblock, null, null, 0), context, `mount ${type}`, target)
    const attributes = request.attributes ?? 0
    const mounted = step(fsmountCall(context, closeOnExec, attributes), context, `mount ${type}`, target)
    attachMount(mounted, target)
  } finally {
    closeSync(context)
  }
}

/** Puts a mount that is nowhere yet on the folder `target` and closes its descriptor. Source: move_mount(2). */
export function attachMount(descriptor: number, target: string): void {
  try {
    const moved = moveMountCall(descriptor, cPath(''), currentFolder, cPath(target), fromEmptyPath)
    check(moved, 'mount', target)
  } finally {
    closeSync(descriptor)
  }
}

function configure(context: number, { key, value }: MountOption, { type, target }: FileSystemMount): void {
  const result =
    value === undefined
      ? fsconfigCall(context, setFlag, cPath(key), null, 0)
      : fsconfigCall(context, setString, cPath(key), cPath(value), 0)
  step(result, context, `mount ${type} (${key})`, target)
}

function step(result: number, context: number, call: string, target: string): number {
  if (result !== -1) return result
  const number = lastErrno()
  const said = kernelMessages(context)
  throw systemFailure(call, number, target, said === '' ? undefined : new Error(said))
}

/** What the file system logged in the context: lines like `e overlay: …`. Source: fsopen(2), "Message Retrieval". */
function kernelMessages(context: number): string {
  const lines: string[] = []
  const buffer = Buffer.alloc(1024)
  try {
    for (;;) lines.push(buffer.toString('utf8', 2, readSync(context, buffer)).trimEnd())
  } catch {
    // ENODATA: no more messages
    return lines.join('; ')
  }
}
