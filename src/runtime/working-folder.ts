import { lstatSync, mkdirSync, readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { failure } from '../util/errors.ts'

const MAX_LINKS = 40

/** Where `path` leads inside `rootfs`, all links followed as if `rootfs` were `/`; missing parts are kept as named. */
export function resolveInRoot(rootfs: string, path: string): string {
  let done = '/'
  let links = 0
  const todo = posix.resolve('/', path).split('/').filter(Boolean)
  while (todo.length > 0) {
    const part = todo.shift() ?? ''
    if (part === '..') {
      done = posix.dirname(done)
      continue
    }
    const next = posix.join(done, part)
    const stat = lstatSync(posix.join(rootfs, next), { throwIfNoEntry: false })
    if (stat?.isSymbolicLink() !== true) {
      done = next
      continue
    }
    links += 1
    if (links > MAX_LINKS) throw failure('WORKDIR_INVALID', { path, reason: 'too many links' })
    const target = readlinkSync(posix.join(rootfs, next))
    if (target.startsWith('/')) done = '/'
    todo.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'))
  }
  return done
}

/**
 * The working folder to give to the runtime, made when missing, as Docker does. One below /proc or /sys is refused:
 * `/proc/self/fd/N` would be a folder that the runtime has open, on the host (CVE-2024-21626).
 * Errors: WORKDIR_INVALID.
 */
export function prepareWorkingFolder(rootfs: string, cwd: string, mountTargets: readonly string[]): string {
  if (!cwd.startsWith('/') || cwd.includes('\0'))
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it is not absolute' })
  const path = resolveInRoot(rootfs, cwd)
  if (/^\/(proc|sys)(\/|$)/.test(path) && path !== '/proc' && path !== '/sys') {
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it lies in /proc or /sys' })
  }
  if (
    [...mountTargets, '/proc', '/sys', '/dev'].some(
      (target) => path === target || path.startsWith(`${target}/`),
    )
  )
    return path
  const stat = lstatSync(posix.join(rootfs, path), { throwIfNoEntry: false })
  if (stat === undefined) mkdirSync(posix.join(rootfs, path), { recursive: true, mode: 0o755 })
  else if (!stat.isDirectory())
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it is not a directory' })
  return path
}
