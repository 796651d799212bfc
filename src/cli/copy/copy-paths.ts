import { posix } from 'node:path'
import { failure } from '../../util/errors.ts'

/** One side of `cp`: a path of this machine, `-`, or a path in a container. */
export interface CopyPath {
  readonly container: string | undefined
  readonly path: string
}

/** Reads `CONTAINER:PATH`; an absolute path, one that starts with `.` or has no colon is local. */
export function parseCopyPath(argument: string): CopyPath {
  const colon = argument.indexOf(':')
  if (colon < 1 || argument.startsWith('/') || argument.startsWith('.')) {
    return { container: undefined, path: argument }
  }
  return { container: argument.slice(0, colon), path: argument.slice(colon + 1) }
}

/** Does the path say that it is a folder: a slash or `/.` at the end? */
function assertsFolder(path: string): boolean {
  return path.endsWith('/') || path.endsWith('/.') || path === '.'
}

/** Is the content of the folder meant (`dir/.`), not the folder itself? */
function meansContent(path: string): boolean {
  return path.endsWith('/.') || path === '.'
}

/** The path without slashes and `/.` at its end, never empty. */
export function trimmed(path: string): string {
  const short = path.replace(/(\/\.?)+$/, '')
  return short === '' ? (path.startsWith('/') ? '/' : '.') : short
}

/** Last part of a path; `.` for the root. */
export function baseOf(path: string): string {
  const base = posix.basename(trimmed(path))
  return base === '' || base === '..' ? '.' : base
}

export interface Destination {
  /** Folder to write into; it must exist. */
  readonly folder: string
  /** Name of the copy in it; `.` when the content of the source goes straight into it. */
  readonly name: string
}

/** What is known of the destination. */
export interface DestinationInfo {
  readonly path: string
  readonly exists: boolean
  readonly isFolder: boolean
}

/** Docker's rules for where a copy goes, by the kinds of source and destination. CLI_FAILED. */
export function chooseDestination(
  source: { readonly path: string; readonly isFolder: boolean },
  destination: DestinationInfo,
): Destination {
  const { path, exists, isFolder } = destination
  if (assertsFolder(source.path) && !source.isFolder)
    throw problem(`source path "${source.path}" is not a directory`)
  if (exists && isFolder) {
    return { folder: trimmed(path), name: meansContent(source.path) ? '.' : baseOf(source.path) }
  }
  if (exists) {
    if (source.isFolder) throw problem(`cannot copy directory: destination "${path}" is a file`)
    if (assertsFolder(path)) throw problem(`destination "${path}" is not a directory`)
    return { folder: posix.dirname(path), name: baseOf(path) }
  }
  if (assertsFolder(path) && !source.isFolder)
    throw problem(`no such directory: the destination "${path}" must exist`)
  return { folder: posix.dirname(trimmed(path)), name: baseOf(path) }
}

function problem(reason: string): Error {
  return failure('CLI_FAILED', { reason })
}
