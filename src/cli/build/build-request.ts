import type { Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import type { BuildRequest } from '../../builder/build.ts'
import { readUnset, type Unset } from '../../dockerfile/unset.ts'
import { parseReference } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { ImageFlags } from './build-flags.ts'
import { buildContext, namedContexts } from './build-contexts.ts'
import { cacheRequest } from './build-caches.ts'
import { attestationRequest } from './build-attestations.ts'
import { buildOutputs } from './build-outputs.ts'
import type { CommandContext } from '../command.ts'
import type { FlagValues } from '../flags/flag.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { toRecord } from '../input/read-variables.ts'
import { stepRequest } from './run-step-flags.ts'

/** What `build` is told about the image. */
export type BuildFlags = FlagValues<ImageFlags> & { readonly profile?: string | undefined }

/** The request of `build` from its flags and its one argument. CLI_FAILED for what is wrong with them (D-C1…). */
export async function buildRequest(
  flags: BuildFlags,
  source: string,
  context: CommandContext,
): Promise<BuildRequest> {
  const { io, env } = context
  const attestations = attestationRequest(flags)
  for (const tag of flags.tag) checkTag(tag)
  for (const pair of [...flags['build-arg'], ...flags.label]) checkKey(pair)
  const network = choose('network mode', flags.network ?? 'default', ['default', 'none', 'host'] as const)
  const timestamps = choose('--timestamps', flags.timestamps ?? 'constant', ['constant', 'preserve'] as const)
  if (source === '-' && flags.file === '-') {
    throw failure('CLI_FAILED', {
      reason: "invalid argument: can't use stdin for both build context and dockerfile",
    })
  }
  const epoch = sourceDateEpoch(env['SOURCE_DATE_EPOCH'])
  return {
    context: buildContext(source, io),
    contexts: namedContexts(flags['build-context']),
    ...(flags.file === undefined ? {} : { dockerfile: await dockerfileOf(flags.file, io) }),
    names: flags.tag,
    ...(flags.target === undefined ? {} : { target: flags.target }),
    buildArgs: buildArgs(flags['build-arg'], env),
    labels: toRecord(flags.label),
    ...(flags.unset.length === 0 ? {} : { unset: flags.unset.map(parseUnset) }),
    noCache: flags['no-cache'],
    pull: flags.pull,
    network,
    ...(await stepRequest(flags, env)),
    ...cacheLimit(env['MILLE_BUILD_CACHE_MAX']),
    ...(flags.platform.length === 0 ? {} : { platforms: flags.platform }),
    outputs: await buildOutputs(flags, context),
    ...(attestations !== undefined && { attestations }),
    ...cacheRequest(flags, env),
    timestamps,
    forgetFailures: flags['force-rm'],
    locked: flags.locked,
    offline: flags.offline,
    measured: flags.profile !== undefined,
    ...(flags['max-size'] === undefined ? {} : { maxSize: flags['max-size'] }),
    ...(epoch === undefined ? {} : { epoch }),
  }
}

export async function dockerfileOf(
  file: string,
  io: { readonly stdin: Readable },
): Promise<NonNullable<BuildRequest['dockerfile']>> {
  if (file === '-') return { kind: 'text', text: await readText(io.stdin) }
  return /^https?:\/\//i.test(file) ? { kind: 'url', url: file } : { kind: 'path', path: file }
}

/** What the build cache may grow to; `off` never prunes by itself. */
function cacheLimit(text: string | undefined): Pick<BuildRequest, 'cacheLimit'> {
  if (text === undefined || text === '') return {}
  if (text === 'off') return { cacheLimit: Infinity }
  try {
    return { cacheLimit: parseBytes(text) }
  } catch {
    throw failure('CLI_FAILED', {
      reason: `invalid MILLE_BUILD_CACHE_MAX: "${text}" is neither a size nor "off"`,
    })
  }
}

export function checkKey(pair: string): void {
  if (pair !== '' && !pair.startsWith('=')) return
  throw failure('CLI_FAILED', { reason: `invalid key-value pair "${pair}": empty key` })
}

function checkTag(tag: string): void {
  const invalid = (reason: string): Error =>
    failure('CLI_FAILED', { reason: `invalid tag "${tag}": ${reason}` })
  let digest: string | undefined
  try {
    ;({ digest } = parseReference(tag))
  } catch (cause) {
    throw failure(
      'CLI_FAILED',
      { reason: `invalid tag "${tag}": ${cause instanceof Error ? cause.message : ''}` },
      { cause },
    )
  }
  if (digest !== undefined) throw invalid('a name to build has no digest')
}

function parseUnset(text: string): Unset {
  const [setting = '', ...rest] = text.split('=')
  const unset = readUnset(setting, rest.length === 0 ? undefined : rest.join('='))
  if (!('reason' in unset)) return unset
  const hint = unset.suggestion === undefined ? '' : ` (did you mean ${unset.suggestion}?)`
  throw failure('CLI_FAILED', { reason: `invalid --unset "${text}": ${unset.reason}${hint}` })
}

function choose<const Choice extends string>(what: string, word: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((known) => known === word)
  if (choice !== undefined) return choice
  const near = suggest(word, choices)
  const hint = near === undefined ? `there are ${choices.join(', ')}` : `did you mean ${near}?`
  throw failure('CLI_FAILED', { reason: `invalid ${what} "${word}": ${hint}` })
}

/** `--build-arg`: a bare name takes its value from the environment; with none there the argument keeps its default. */
export function buildArgs(
  flags: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    flags.map((flag) => {
      const equals = flag.indexOf('=')
      return equals < 0 ? [flag, env[flag]] : [flag.slice(0, equals), flag.slice(equals + 1)]
    }),
  )
}

function sourceDateEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (!/^\d+$/.test(text))
    throw failure('CLI_FAILED', { reason: `invalid SOURCE_DATE_EPOCH: "${text}" is no number of seconds` })
  return Number(text)
}
