import { closeSync, constants, fstatSync, readdirSync, readSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { endianness, machine } from 'node:os'
import { posix } from 'node:path'
import { openFileInRoot, openPathInRoot } from '../linux/open-in-root.ts'
import { canExecute } from '../linux/can-execute.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { ResolvedUser } from './user.ts'

export interface CommandContext {
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: ResolvedUser
  /** Below these, what the process will see is not what lies in the root folder. */
  readonly mountTargets: readonly string[]
}

const elfMachines: Readonly<Record<number, string>> = {
  3: '386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64le',
  22: 's390x',
  40: 'arm',
  62: 'amd64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
}
const ownMachines: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['amd64', '386'],
  aarch64: ['arm64', 'arm'],
  riscv64: ['riscv64'],
  s390x: ['s390x'],
  ppc64le: ['ppc64le'],
  armv7l: ['arm'],
}

/** The kernel looks at no more of a `#!` line (binfmt_script). */
const HEAD_BYTES = 256
const PT_INTERP = 3

/**
 * Says before the runtime is asked why a command cannot start: runtimes tell it only in words, and some only on the
 * process's own standard error. Passes when it looks well or when it cannot be known (the file is below a mount).
 * Errors: COMMAND_NOT_FOUND (exit code 127), COMMAND_NOT_EXECUTABLE (126).
 */
export function checkCommand(context: CommandContext): void {
  const command = context.args[0] ?? ''
  if (command === '') throw failure('COMMAND_NOT_FOUND', { command, reason: 'no command specified' })
  try {
    checkFile(context, command)
  } catch (error) {
    if (isMilleError(error, 'COMMAND_NOT_FOUND', 'COMMAND_NOT_EXECUTABLE')) throw error
    // a root that cannot be read is the runtime's to explain
  }
}

function checkFile(context: CommandContext, command: string): void {
  if (command.includes('/')) {
    const path = posix.resolve(context.cwd, command)
    if (isHidden(context, path)) return
    inspect(context, command, path, () =>
      failure('COMMAND_NOT_FOUND', { command, reason: `stat ${command}: no such file or directory` }),
    )
    return
  }
  const path = context.env.findLast((line) => line.startsWith('PATH='))?.slice(5) ?? ''
  const folders = path.split(':').filter((folder) => folder.startsWith('/'))
  if (folders.length < path.split(':').length || folders.some((folder) => isHidden(context, folder))) return
  for (const folder of folders) {
    const found = posix.join(folder, command)
    if (isExecutable(context, found)) {
      inspect(context, command, found, () => undefined)
      return
    }
  }
  throw failure('COMMAND_NOT_FOUND', { command, reason: 'executable file not found in $PATH' })
}

function isHidden(context: CommandContext, path: string): boolean {
  return [...context.mountTargets, '/proc', '/sys', '/dev'].some(
    (target) => path === target || path.startsWith(`${posix.normalize(target).replace(/\/$/, '')}/`),
  )
}

function statInRoot(rootfs: string, path: string): Stats | undefined {
  let fd: number
  try {
    fd = openPathInRoot(rootfs, path)
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_FOUND', 'PATH_NOT_DIRECTORY')) return undefined
    throw error
  }
  try {
    return fstatSync(fd)
  } finally {
    closeSync(fd)
  }
}

function isExecutable(context: CommandContext, path: string): boolean {
  const stat = statInRoot(context.rootfs, path)
  return stat !== undefined && stat.isFile() && mayExecute(stat, context.user)
}

function mayExecute(stat: { mode: number; uid: number; gid: number }, user: ResolvedUser): boolean {
  if (user.uid === 0) return (stat.mode & 0o111) !== 0
  if (user.uid === stat.uid) return (stat.mode & constants.S_IXUSR) !== 0
  return (stat.mode & (user.groups.includes(stat.gid) ? constants.S_IXGRP : constants.S_IXOTH)) !== 0
}

function inspect(
  context: CommandContext,
  command: string,
  path: string,
  missing: () => Error | undefined,
): void {
  const stat = statInRoot(context.rootfs, path)
  if (stat === undefined) {
    const error = missing()
    if (error !== undefined) throw error
    return
  }
  if (stat.isDirectory()) throw failure('COMMAND_NOT_EXECUTABLE', { command, reason: 'is a directory' })
  if (!stat.isFile() || !mayExecute(stat, context.user))
    throw failure('COMMAND_NOT_EXECUTABLE', { command, reason: 'permission denied' })
  checkFormat(context, command, path)
}

function checkFormat(context: CommandContext, command: string, path: string): void {
  const fd = openFileInRoot(context.rootfs, path)
  if (fd === undefined) return
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const length = readSync(fd, head, 0, HEAD_BYTES, 0)
    if (head.toString('latin1', 0, 2) === '#!')
      return checkInterpreter(context, command, shebang(head.subarray(0, length)), 'interpreter')
    if (head.readUInt32BE(0) === 0x7f454c46 && length >= 52) return checkElf(context, command, fd, head)
    if (hasForeignFormats()) return
    throw failure('COMMAND_NOT_EXECUTABLE', { command, reason: 'exec format error' })
  } finally {
    closeSync(fd)
  }
}

/** binfmt_misc may know what the kernel itself does not: emulators for other machines, any magic. */
function hasForeignFormats(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').some((name) => name !== 'register' && name !== 'status')
  } catch {
    return false
  }
}

function shebang(head: Buffer): string {
  const line = head.toString('utf8', 2).split('\n', 1)[0] ?? ''
  return /^[ \t]*([^ \t\0]+)/.exec(line)?.[1] ?? ''
}

function checkInterpreter(context: CommandContext, command: string, interpreter: string, what: string): void {
  if (
    !interpreter.startsWith('/') ||
    isHidden(context, interpreter) ||
    statInRoot(context.rootfs, interpreter) !== undefined
  )
    return
  throw failure('COMMAND_NOT_FOUND', { command, reason: `its ${what} ${interpreter} does not exist` })
}

function checkElf(context: CommandContext, command: string, fd: number, head: Buffer): void {
  const little = head[5] !== 2
  const built = elfMachines[little ? head.readUInt16LE(18) : head.readUInt16BE(18)] ?? 'another machine'
  const own = ownMachines[machine()]
  if (own !== undefined && !own.includes(built)) {
    if (hasForeignFormats() || canExecute(built)) return
    throw failure('COMMAND_NOT_EXECUTABLE', {
      command,
      reason: `exec format error: built for ${built}, this machine is ${own[0]}: the Debian package qemu-user-static would emulate it`,
    })
  }
  if (head[4] !== 2 || (endianness() === 'LE') !== little || !little) return
  const offset = Number(head.readBigUInt64LE(32))
  const size = head.readUInt16LE(54)
  const count = head.readUInt16LE(56)
  if (size < 56 || count > 128) return
  const table = Buffer.alloc(size * count)
  if (readSync(fd, table, 0, table.length, offset) < table.length) {
    throw failure('COMMAND_NOT_EXECUTABLE', { command, reason: 'exec format error: the file is cut' })
  }
  for (let at = 0; at < table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue
    const length = Number(table.readBigUInt64LE(at + 32))
    if (length > 4096) return
    const name = Buffer.alloc(length)
    readSync(fd, name, 0, length, Number(table.readBigUInt64LE(at + 8)))
    return checkInterpreter(context, command, name.toString('utf8').replace(/\0.*$/s, ''), 'dynamic loader')
  }
}
