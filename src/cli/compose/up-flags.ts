import type { Project } from '../../compose/model/project.ts'
import { getService } from '../../compose/model/select-services.ts'
import type { UpOptions } from '../../compose/run/up.ts'
import { failure } from '../../util/errors.ts'
import { type Flag, type FlagValues, integer, list, parsed, toggle } from '../flags/flag.ts'

/** The table of `upFlags`. */
export type UpFlags = {
  readonly 'always-recreate-deps': Flag<boolean>
  readonly build: Flag<boolean>
  readonly 'force-recreate': Flag<boolean>
  readonly 'no-build': Flag<boolean>
  readonly 'no-recreate': Flag<boolean>
  readonly pull: Flag<string | undefined>
  readonly 'quiet-build': Flag<boolean>
  readonly 'quiet-pull': Flag<boolean>
  readonly 'remove-orphans': Flag<boolean>
  readonly 'renew-anon-volumes': Flag<boolean>
  readonly scale: Flag<readonly string[]>
  readonly timeout: Flag<number | undefined>
  readonly yes: Flag<boolean>
}

/** Throws a plain Error. */
export function parsePull(word: string): string {
  if (['always', 'missing', 'never', 'build'].includes(word)) return word
  throw new Error('must be one of "always", "missing", "never", "build"')
}

/** Flags that `up` and `create` share. */
export const upFlags: UpFlags = {
  'always-recreate-deps': toggle('Recreate dependent containers. Incompatible with --no-recreate.'),
  build: toggle('Build images before starting containers'),
  'force-recreate': toggle("Recreate containers even if their configuration and image haven't changed"),
  'no-build': toggle("Don't build an image, even if it's policy"),
  'no-recreate': toggle(
    "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
  ),
  pull: parsed('Pull image before running ("always"|"missing"|"never"|"build")', parsePull),
  'quiet-build': toggle('Suppress the build output'),
  'quiet-pull': toggle('Accepted for compatibility: pulling prints little', { hidden: true }),
  'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
  'renew-anon-volumes': toggle(
    'Recreate anonymous volumes instead of retrieving data from the previous containers',
    {
      short: 'V',
    },
  ),
  scale: list('Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.'),
  timeout: integer(
    'Use this timeout in seconds for container shutdown when attached or when containers are already running',
    {
      short: 't',
    },
  ),
  yes: toggle('Accepted for compatibility: nothing is asked', { short: 'y', hidden: true }),
}

/** `web=3`. COMPOSE_FAILED. */
export function parseScales(given: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    given.map((text) => {
      const [, service = '', count] = /^([^=]+)=(\d+)$/.exec(text) ?? []
      if (count === undefined)
        throw failure('COMPOSE_FAILED', { reason: `invalid --scale option "${text}". Should be SERVICE=NUM` })
      return [service, Number(count)]
    }),
  )
}

export function upOptions(
  flags: FlagValues<UpFlags>,
  project: Project,
  asked: readonly string[],
  scales: ReadonlyMap<string, number>,
): UpOptions {
  for (const name of scales.keys()) getService(project, name)
  const recreate = flags['force-recreate'] ? 'force' : flags['no-recreate'] ? 'never' : 'diverged'
  const isOn = (name: string): boolean =>
    ['1', 'true'].includes((project.environment[name] ?? '').toLowerCase())
  return {
    scales,
    recreate,
    recreateDependencies: flags['always-recreate-deps']
      ? 'force'
      : recreate === 'never'
        ? 'never'
        : 'diverged',
    asked: asked.length === 0 ? Object.keys(project.services) : asked,
    pull: flags.pull,
    build: flags.build,
    noBuild: flags['no-build'],
    renewsVolumes: flags['renew-anon-volumes'],
    removesOrphans: flags['remove-orphans'] || isOn('COMPOSE_REMOVE_ORPHANS'),
    ignoresOrphans: isOn('COMPOSE_IGNORE_ORPHANS'),
    timeout: flags.timeout,
  }
}
