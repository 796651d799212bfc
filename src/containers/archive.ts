import { closeSync, constants } from 'node:fs'
import { posix } from 'node:path'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { readlinkat } from '../linux/at.ts'
import { currentFolder, openat2, openFlags, resolveFlags } from '../linux/openat2.ts'
import { fileTypes, statx, type FileStatus } from '../linux/statx.ts'
import { extractTar } from '../store/tree/extract-tar.ts'
import { tarOfTree } from '../store/tree/tar-of-tree.ts'
import { writeTar } from '../tar/writer.ts'
import { decodeBytes } from '../util/byte-string.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { withContainerPlace, withContainerRoot, type ContainerPlace } from './container-root.ts'
import type { PathStat } from './containers.ts'
import type { ContainerParts } from './parts.ts'

/** The object itself, also when it is a link; PATH_NOT_IN_CONTAINER. */
export function statPath(parts: ContainerParts, nameOrId: string, path: string): Promise<PathStat> {
  return withContainerPlace(parts, nameOrId, path, async (place) => {
    using handle = openPlace(place, nameOrId)
    return pathStat(path, handle.descriptor)
  })
}

/** A tar of what `path` is; the stream must be read to its end or destroyed. */
export function readArchive(
  parts: ContainerParts,
  nameOrId: string,
  path: string,
): Promise<{ readonly stat: PathStat; readonly stream: Readable }> {
  return new Promise((resolve, reject) => {
    const work = withContainerPlace(parts, nameOrId, path, async (place) => {
      using handle = openPlace(place, nameOrId)
      const stat = pathStat(path, handle.descriptor)
      const stream = new PassThrough()
      resolve({ stat, stream })
      await pipeline(writeTar(tarOfTree(handle.descriptor, '', stat.name)), stream).catch(
        (error: unknown) => {
          // a reader that stopped early is no failure of ours; any other reaches it through its stream
          if (!stream.destroyed) throw error
        },
      )
    })
    work.catch(reject)
  })
}

/** CP_NOT_A_FOLDER when `path` is no folder, CONTAINER_READONLY when it cannot be written. */
export function writeArchive(
  parts: ContainerParts,
  nameOrId: string,
  path: string,
  tar: Readable,
  options: { readonly copyOwner?: boolean } = {},
): Promise<void> {
  return withContainerPlace(parts, nameOrId, path, async (place) => {
    if (place.readonly) throw failure('CONTAINER_READONLY', { path })
    using handle = openPlace({ ...place, path: `${place.path}/.` }, nameOrId)
    const status = statx(handle.descriptor, '')
    if (kindOf(status) !== fileTypes.directory) throw failure('CP_NOT_A_FOLDER', { path })
    await extractTar(tar, place.root, place.path, { copyOwner: options.copyOwner === true })
  })
}

/** A flat tar of the whole root; what is mounted into it is left out (C12). */
export function exportContainer(
  parts: ContainerParts,
  nameOrId: string,
  sink: Writable,
  options: OpOptions = {},
): Promise<void> {
  return withContainerRoot(parts, nameOrId, async (root) => {
    const folder = openat2(currentFolder, root, constants.O_RDONLY | constants.O_DIRECTORY, 0)
    try {
      await pipeline(writeTar(tarOfTree(folder, '', '')), sink, { signal: options.signal })
    } finally {
      closeSync(folder)
    }
  })
}

interface OpenPlace extends Disposable {
  readonly descriptor: number
}

/** O_PATH: nothing is read, no fifo waited for. A last link is not followed unless a slash is behind it. */
function openPlace({ root, path }: ContainerPlace, nameOrId: string): OpenPlace {
  const top = openat2(currentFolder, root, openFlags.path | constants.O_DIRECTORY, 0)
  try {
    const follow = /\/\.?$/.test(path) ? 0 : constants.O_NOFOLLOW
    const descriptor = openat2(
      top,
      path,
      openFlags.path | follow,
      resolveFlags.inRoot | resolveFlags.noMagicLinks,
    )
    return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) }
  } catch (error) {
    if (!isMilleError(error, 'PATH_NOT_FOUND', 'PATH_NOT_DIRECTORY', 'PATH_LOOP')) throw error
    throw failure(
      'PATH_NOT_IN_CONTAINER',
      { path: path.replace(/\/\.$/, ''), name: nameOrId },
      { cause: error },
    )
  } finally {
    closeSync(top)
  }
}

const kindOf = (status: FileStatus): number => status.mode & fileTypes.mask

function pathStat(path: string, handle: number): PathStat {
  const status = statx(handle, '')
  const kind = kindOf(status)
  return {
    name: posix.basename(posix.normalize(path)) || '/',
    size: status.size,
    mode: status.mode,
    mtime: status.mtime,
    isDirectory: kind === fileTypes.directory,
    linkTarget: kind === fileTypes.symlink ? decodeBytes(readlinkat(handle, '')) : '',
  }
}
