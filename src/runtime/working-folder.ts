import { lstatSync, readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { makeFoldersWithMode } from '../util/exact-mode.ts'
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
    // links in there mean something else for each process; whoever asks refuses such a path
    if (done === '/proc' || done === '/sys') return next
    if (!isLink(posix.join(rootfs, next))) {
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

/** False also for what is not there, or below something that is no folder. */
function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false
    throw error
  }
}

function checkedPath(rootfs: string, cwd: string): string {
  if (!cwd.startsWith('/') || cwd.includes('\0')) {
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it is not absolute' })
  }
  const path = resolveInRoot(rootfs, cwd)
  // `/proc/self/fd/N` would be a folder that the runtime has open, on the host (CVE-2024-21626)
  if (/^\/(proc|sys)\/./.test(path))
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it lies in /proc or /sys' })
  return path
}

/** The working folder to give to the runtime, made when missing, as Docker does. Errors: WORKDIR_INVALID. */
export function prepareWorkingFolder(rootfs: string, cwd: string, mountTargets: readonly string[]): string {
  const path = checkedPath(rootfs, cwd)
  const hidden = [...mountTargets, '/proc', '/sys', '/dev']
  if (hidden.some((target) => path === target || path.startsWith(`${target}/`))) return path
  const stat = lstatSync(posix.join(rootfs, path), { throwIfNoEntry: false })
  if (stat === undefined) makeFoldersWithMode(posix.join(rootfs, path), 0o755)
  else if (!stat.isDirectory())
    throw failure('WORKDIR_INVALID', { path: cwd, reason: 'it is not a directory' })
  return path
}

/** The same for a running container, where nothing is made. Errors: WORKDIR_INVALID, WORKDIR_MISSING. */
export function findWorkingFolder(rootfs: string, cwd: string): string {
  const path = checkedPath(rootfs, cwd)
  if (lstatSync(posix.join(rootfs, path), { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw failure('WORKDIR_MISSING', { path: cwd })
}
