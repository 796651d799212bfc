import { stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Containers, PathStat } from '../../containers/containers.ts'
import { writeTar } from '../../tar/writer.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import {
  baseOf,
  chooseDestination,
  type DestinationInfo,
  parseCopyPath,
  trimmed,
} from '../copy/copy-paths.ts'
import { writeLocal } from '../copy/write-local.ts'
import { readLocal } from '../copy/read-local.ts'
import { toggle } from '../flags/flag.ts'
import { fileFailure } from '../input/open-file.ts'

const flags = {
  archive: toggle('Archive mode (copy all uid/gid information)', { short: 'a' }),
  'follow-link': toggle('Always follow symbol link in SRC_PATH', { short: 'L' }),
  quiet: toggle('Accepted for compatibility: copying prints nothing', { short: 'q', hidden: true }),
}

interface CopyOptions {
  readonly owners: boolean
  readonly followLink: boolean
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-', '[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH'],
  summary: 'Copy files/folders between a container and the local filesystem',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [from = '', to = ''] }, context) {
    const source = parseCopyPath(from)
    const target = parseCopyPath(to)
    if (source.container !== undefined && target.container !== undefined) {
      throw failure('CLI_FAILED', { reason: 'copying between containers is not supported' })
    }
    if (source.path === '' || target.path === '') {
      throw failure('CLI_FAILED', {
        reason: `${source.path === '' ? 'source' : 'destination'} can not be empty`,
      })
    }
    const options: CopyOptions = { owners: flags.archive, followLink: flags['follow-link'] }
    const { containers } = await context.engine()
    if (source.container !== undefined) {
      await copyOut(containers, source.container, source.path, target.path, options, context)
    } else if (target.container !== undefined) {
      await copyIn(containers, source.path, target.container, target.path, options, context)
    } else throw failure('CLI_FAILED', { reason: 'must specify at least one container source' })
    return 0
  },
})

async function copyOut(
  containers: Containers,
  container: string,
  path: string,
  target: string,
  options: CopyOptions,
  { io }: CommandContext,
): Promise<void> {
  const followed = options.followLink ? await followLink(containers, container, path) : path
  const { stat: info, stream } = await containers.readArchive(container, trimmed(followed))
  if (target === '-') {
    await pipeline(stream, io.stdout, { end: false })
    return
  }
  try {
    const destination = chooseDestination(
      { path: followed, isFolder: info.isDirectory },
      await localInfo(target),
    )
    const folder = await localInfo(destination.folder)
    if (!folder.isFolder) {
      throw failure('CLI_FAILED', {
        reason: `invalid output path: directory "${destination.folder}" does not exist`,
      })
    }
    await writeLocal(stream, destination.folder, { rename: destination.name, owners: options.owners })
  } finally {
    stream.destroy()
  }
}

async function copyIn(
  containers: Containers,
  path: string,
  container: string,
  target: string,
  options: CopyOptions,
  { io }: CommandContext,
): Promise<void> {
  const resolved = await followLink(containers, container, target)
  const there = await containerInfo(containers, container, resolved)
  if (path === '-') {
    if (!there.isFolder)
      throw failure('CLI_FAILED', { reason: `destination "${container}:${target}" must be a directory` })
    await containers.writeArchive(container, trimmed(resolved), io.stdin, { copyOwner: options.owners })
    return
  }
  const info = await stat(path).catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  const destination = chooseDestination({ path, isFolder: info.isDirectory() }, there)
  const tar = writeTar(
    readLocal(trimmed(path), {
      name: destination.name,
      followLink: options.followLink || trimmed(path) !== path,
      owners: options.owners,
    }),
  )
  try {
    await containers.writeArchive(container, destination.folder, tar, { copyOwner: options.owners })
  } finally {
    tar.destroy()
  }
}

async function localInfo(path: string): Promise<DestinationInfo> {
  const info = await stat(path).catch(() => undefined)
  return { path, exists: info !== undefined, isFolder: info?.isDirectory() ?? false }
}

async function containerInfo(
  containers: Containers,
  container: string,
  path: string,
): Promise<DestinationInfo> {
  const info = await findPath(containers, container, trimmed(path))
  return { path, exists: info !== undefined, isFolder: info?.isDirectory ?? false }
}

/** Undefined when the path is not there; a container that is not there fails. */
async function findPath(
  containers: Containers,
  container: string,
  path: string,
): Promise<PathStat | undefined> {
  try {
    return await containers.statPath(container, path)
  } catch (error) {
    if (!isMilleError(error) || error.kind !== 'not-found' || error.code === 'NO_SUCH_CONTAINER') throw error
    return undefined
  }
}

/** Where a link in the container leads, one step: the engine resolves the rest below the container's root. */
async function followLink(containers: Containers, container: string, path: string): Promise<string> {
  const info = await findPath(containers, container, trimmed(path))
  if (info === undefined || info.linkTarget === '') return path
  const target = posix.resolve(posix.dirname(posix.resolve('/', path)), info.linkTarget)
  return baseOf(path) === '.' ? path : target
}
