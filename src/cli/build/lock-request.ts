import type { BuildWish } from '../../builder/build.ts'
import type { LockReport } from '../../builder/lock/make-lock.ts'
import type { LockKind } from '../../builder/lock/lock-file.ts'
import type { Platform } from '../../oci/platform.ts'
import { failure } from '../../util/errors.ts'
import type { CommandContext } from '../command.ts'
import { type Flag, type FlagValues, list, text, toggle } from '../flags/flag.ts'
import { platformsFlag } from '../flags/platform-flag.ts'
import { parseSecret, parseSsh } from '../input/parse-secret.ts'
import { oneLine } from '../format/one-line.ts'
import { buildContext, namedContexts } from './build-contexts.ts'
import { buildArgs, checkKey, dockerfileOf } from './build-request.ts'

export type LockFlags = {
  readonly 'build-arg': Flag<readonly string[]>
  readonly 'build-context': Flag<readonly string[]>
  readonly file: Flag<string | undefined>
  readonly offline: Flag<boolean>
  readonly platform: Flag<readonly Platform[]>
  readonly secret: Flag<readonly string[]>
  readonly ssh: Flag<readonly string[]>
}

/** Flags of `lock`: those of `build` that say what the names in a Dockerfile are. */
export const lockFlags: LockFlags = {
  'build-arg': list('Set build-time variables'),
  'build-context': list('Additional build contexts (e.g., name=path)'),
  file: text('Name of the Dockerfile (default: "PATH/Dockerfile")', { short: 'f' }),
  offline: toggle('Ask nobody: names lead where they led when they were asked last'),
  platform: platformsFlag('Set target platforms for build'),
  secret: list('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  ssh: list('SSH agent socket or keys to expose to the build'),
}

/** Where everything leads that the Dockerfile of the folder names. */
export async function askLock(
  flags: FlagValues<LockFlags>,
  folder: string,
  context: CommandContext,
): Promise<LockReport> {
  const { env, io } = context
  for (const pair of flags['build-arg']) checkKey(pair)
  const source = buildContext(folder, io)
  if (source.kind !== 'folder')
    throw failure('CLI_FAILED', { reason: `${folder} is not a folder: there is no place for a lock file` })
  const wish: BuildWish = {
    context: source,
    contexts: namedContexts(flags['build-context']),
    ...(flags.file === undefined ? {} : { dockerfile: await dockerfileOf(flags.file, io) }),
    buildArgs: buildArgs(flags['build-arg'], env),
    secrets: await Promise.all(flags.secret.map((flag) => parseSecret(flag, env))),
    ssh: await Promise.all(flags.ssh.map((flag) => parseSsh(flag, env))),
    offline: flags.offline,
    ...(flags.platform.length === 0 ? {} : { platforms: flags.platform }),
  }
  const { builder } = await context.engine()
  return await builder.lock(wish, { signal: context.signal })
}

const nouns: Readonly<Record<LockKind, string>> = { git: 'git', images: 'image', urls: 'url' }

/** One line for each name that leads elsewhere, is new, or is gone. */
export function changeLines({ changes }: LockReport): string {
  return changes
    .map(({ kind, name, before, after }) => {
      const label = `${nouns[kind]} ${oneLine(name)}`
      if (before === undefined) return `+ ${label}: ${after ?? ''}\n`
      return after === undefined ? `- ${label}: ${before}\n` : `~ ${label}: ${before} -> ${after}\n`
    })
    .join('')
}
