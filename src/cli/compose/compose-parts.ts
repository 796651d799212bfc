import { Readable } from 'node:stream'
import type { BuildArguments } from '../../compose/run/build-arguments.ts'
import type { ComposeParts } from '../../compose/run/parts.ts'
import { defaultProgress, imageFlags } from '../build/build-flags.ts'
import { buildRequest } from '../build/build-request.ts'
import type { CommandContext } from '../command.ts'
import { parseFlags } from '../flags/parse-flags.ts'
import { pullImage } from '../pull-image.ts'
import { buildProgress } from '../progress/build-progress.ts'
import { groupFlags } from './open-project.ts'

export interface PartsOptions {
  /** Nothing is told but what goes wrong. */
  readonly quiet?: boolean
  readonly quietBuild?: boolean
}

/** What running a project needs, with this command's terminal. */
export async function composeParts(
  context: CommandContext,
  options: PartsOptions = {},
): Promise<ComposeParts> {
  const { stderr } = context.io
  const engine = await context.engine()
  const isQuiet = options.quiet === true || groupFlags(context).progress === 'quiet'
  const report: ComposeParts['report'] = (kind, name, state) => {
    if (!isQuiet) stderr.write(` ${kind} ${name}  ${state}\n`)
  }
  return {
    engine,
    report,
    warn: (text) => void stderr.write(`WARN[0000] ${text}\n`),
    async build(service, build) {
      report('Image', service, 'Building')
      await runBuild(build, context, isQuiet || options.quietBuild === true)
      report('Image', service, 'Built')
    },
    async pull(image, platform) {
      await pullImage(image, context, { output: stderr, quiet: true, platform })
    },
    signal: context.signal,
    now: context.now,
  }
}

/** As `mille build` does with the same words. */
async function runBuild(
  { words, dockerfile }: BuildArguments,
  context: CommandContext,
  isQuiet: boolean,
): Promise<void> {
  const { flags, args } = parseFlags(imageFlags, words)
  const io = dockerfile === undefined ? context.io : withInput(context.io, dockerfile)
  const request = await buildRequest(flags, args[0] ?? '.', { ...context, io })
  const { builder } = await context.engine()
  const view = buildProgress(
    isQuiet ? 'quiet' : defaultProgress(context.env),
    context.io.stderr,
    context.debug,
  )
  let result: Awaited<ReturnType<typeof builder.build>> | undefined
  try {
    result = await builder.build(request, { signal: context.signal, onEvent: view.onEvent })
  } finally {
    view.finish(result)
  }
}

function withInput(io: CommandContext['io'], text: string): CommandContext['io'] {
  return { stdin: Readable.from([text]), stdout: io.stdout, stderr: io.stderr }
}
