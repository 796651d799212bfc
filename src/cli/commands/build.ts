import { randomBytes } from 'node:crypto'
import type { BuildResult } from '../../builder/build.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError } from '../../util/errors.ts'
import { answerFlags, writeAnswers } from '../build/build-answers.ts'
import { cacheFlags } from '../build/build-caches.ts'
import { attestationFlags } from '../build/build-attestations.ts'
import { outputFlags } from '../build/build-outputs.ts'
import { buildRequest } from '../build/build-request.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, parsed, text, toggle } from '../flags/flag.ts'
import { parseSize } from '../format/units.ts'
import { platformsFlag } from '../flags/platform-flag.ts'
import { writeTextFile } from '../input/write-text-file.ts'
import { buildErrorJson, buildErrorText } from '../progress/build-error.ts'
import { answerCall, parseCall } from '../build/build-call.ts'
import { buildProgress, type ProgressKind, progressKinds } from '../progress/build-progress.ts'
import { runStepFlags } from '../build/run-step-flags.ts'

function parseProgress(word: string): ProgressKind {
  const kind = progressKinds.find((known) => known === word)
  if (kind === undefined) throw new Error(`must be one of ${progressKinds.join(', ')}`)
  return kind
}

function parseFormat(word: string): 'text' | 'json' {
  if (word !== 'text' && word !== 'json') throw new Error('must be text or json')
  return word
}

const flags = {
  ...runStepFlags,
  ...outputFlags,
  ...answerFlags,
  ...attestationFlags,
  ...cacheFlags,
  'build-arg': list('Set build-time variables'),
  'build-context': list('Additional build contexts (e.g., name=path)'),
  call: parsed('Set method for evaluating build ("check", "outline", "targets")', parseCall),
  check: toggle('Shorthand for "--call=check"'),
  debug: toggle('Show warnings with their lines', { short: 'D' }),
  file: text('Name of the Dockerfile (default: "PATH/Dockerfile")', { short: 'f' }),
  'force-rm': toggle('Keep no files of a step that fails'),
  format: parsed('Format of errors and of what --call answers ("text", "json")', parseFormat),
  iidfile: text('Write the image ID to a file'),
  label: list('Set metadata for an image'),
  locked: toggle('Fail when something leads elsewhere than the lock file beside the Dockerfile says'),
  'max-size': parsed('Fail when the image gets larger, and say what made it so', parseSize, {
    type: 'bytes',
  }),
  'metadata-file': text('Write build result metadata to a file'),
  network: text('Set the networking mode for the "RUN" instructions during build (default "default")'),
  'no-cache': toggle('Do not use cache when building the image'),
  offline: toggle('Fetch nothing: take base images, sources and results that are here, or fail'),
  platform: platformsFlag('Set target platforms for build'),
  progress: parsed('Set type of progress output ("auto", "plain", "tty", "rawjson", "quiet")', parseProgress),
  pull: toggle('Always attempt to pull all referenced images'),
  quiet: toggle('Suppress the build output and print image ID on success', { short: 'q' }),
  rm: toggle('Accepted for compatibility', { initial: true, hidden: true }),
  tag: list('Name and optionally a tag (format: "name:tag")', { short: 't' }),
  target: text('Set the target build stage to build'),
  unset: list('Take a setting out of the image (e.g., volume=/data, env=NAME, entrypoint)'),
  timestamps: text('File times in new layers: constant (default) or preserve'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] PATH | URL | -'],
  summary: 'Build an image from a Dockerfile',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [source = ''] }, context) {
    const { stdout, stderr } = context.io
    const kind = flags.quiet ? 'quiet' : (flags.progress ?? defaultProgress(context.env))
    const isJson = flags.format === 'json'
    try {
      const request = await buildRequest(flags, source, context)
      const { builder } = await context.engine()
      const method = flags.check ? 'check' : (flags.call?.method ?? 'build')
      if (method !== 'build') {
        const json = isJson || flags.call?.json === true
        return await answerCall({ method, json }, builder, request, context)
      }
      const view = buildProgress(kind, stderr, flags.debug || context.debug)
      let result: BuildResult | undefined
      try {
        result = await builder.build(request, { signal: context.signal, onEvent: view.onEvent })
      } finally {
        view.finish(result)
      }
      if (flags.iidfile !== undefined) await writeTextFile(flags.iidfile, result.id)
      if (flags['metadata-file'] !== undefined)
        await writeTextFile(flags['metadata-file'], metadataText(result))
      await writeAnswers(flags, result, context.io)
      if (kind === 'quiet') stdout.write(`${result.id}\n`)
      return 0
    } catch (thrown) {
      const error = fromNodeError(thrown)
      if (!isMilleError(error) || error.kind === 'canceled' || error.kind === 'usage') throw error
      const isData = isJson || kind === 'rawjson'
      stderr.write(isData ? buildErrorJson(error) : buildErrorText(error.message))
      return 1
    }
  },
})

function defaultProgress(env: Readonly<Record<string, string | undefined>>): ProgressKind {
  return progressKinds.find((kind) => kind === env['BUILDKIT_PROGRESS']) ?? 'auto'
}

/** As buildx writes it: keys sorted, two spaces. */
function metadataText({ metadata }: BuildResult): string {
  const ref = `mille/default/${randomBytes(16).toString('hex').slice(0, 25)}`
  const all: Record<string, unknown> = { 'buildx.build.ref': ref, ...metadata }
  const sorted = Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return JSON.stringify(sorted, undefined, 2)
}
