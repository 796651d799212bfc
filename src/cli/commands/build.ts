import { randomBytes } from 'node:crypto'
import type { BuildRequest, BuildResult } from '../../builder/build.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError } from '../../util/errors.ts'
import { answerFlags, writeAnswers } from '../build/build-answers.ts'
import { defaultProgress, imageFlags } from '../build/build-flags.ts'
import { buildRequest } from '../build/build-request.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { parsed, text, toggle } from '../flags/flag.ts'
import { writeTextFile } from '../input/write-text-file.ts'
import { buildErrorJson, buildErrorText } from '../progress/build-error.ts'
import { answerCall, parseCall } from '../build/build-call.ts'
import { buildProgress } from '../progress/build-progress.ts'

function parseFormat(word: string): 'text' | 'json' {
  if (word !== 'text' && word !== 'json') throw new Error('must be text or json')
  return word
}

const flags = {
  ...imageFlags,
  ...answerFlags,
  call: parsed('Set method for evaluating build ("check", "outline", "targets")', parseCall),
  check: toggle('Shorthand for "--call=check"'),
  debug: toggle('Show warnings with their lines', { short: 'D' }),
  format: parsed('Format of errors and of what --call answers ("text", "json")', parseFormat),
  iidfile: text('Write the image ID to a file'),
  'metadata-file': text('Write build result metadata to a file'),
  quiet: toggle('Suppress the build output and print image ID on success', { short: 'q' }),
  rm: toggle('Accepted for compatibility', { initial: true, hidden: true }),
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
      const request: BuildRequest = {
        ...(await buildRequest(flags, source, context)),
        ...(flags['metadata-file'] !== undefined && recordedProvenance(context.env)),
      }
      const { builder } = await context.engine({ isolation: flags.isolation })
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

/** buildx's own variable. */
function recordedProvenance(env: NodeJS.ProcessEnv): Pick<BuildRequest, 'recordProvenance'> {
  const word = (env['BUILDX_METADATA_PROVENANCE'] ?? '').toLowerCase()
  if (/^(disabled|false|0)$/.test(word)) return {}
  return { recordProvenance: word === 'max' ? 'max' : 'min' }
}

/** As buildx writes it: keys sorted, two spaces. */
function metadataText({ metadata }: BuildResult): string {
  const ref = `mille/default/${randomBytes(16).toString('hex').slice(0, 25)}`
  const all: Record<string, unknown> = { 'buildx.build.ref': ref, ...metadata }
  const sorted = Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return JSON.stringify(sorted, undefined, 2)
}
