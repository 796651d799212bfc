import type { ReproBuild } from '../../builder/repro/check-repro.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError } from '../../util/errors.ts'
import { defaultProgress, imageFlags } from '../build/build-flags.ts'
import { buildRequest } from '../build/build-request.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { goIndentedJson } from '../format/go-value.ts'
import { buildErrorText } from '../progress/build-error.ts'
import { buildProgress, type BuildView } from '../progress/build-progress.ts'
import { reproJson, reproLines } from '../rows/repro-lines.ts'

const flags = {
  ...imageFlags,
  json: toggle('Print the report as JSON'),
  quiet: toggle('Suppress the build output', { short: 'q' }),
}

const titles: Readonly<Record<ReproBuild, string>> = {
  first: 'first build\n',
  second: 'second build, as on another machine\n',
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] PATH | URL | -'],
  summary: 'Build twice, the second time as on another machine, and show the first byte that differs',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [source = ''] }, context) {
    const { stdout, stderr } = context.io
    const kind = flags.quiet ? 'quiet' : (flags.progress ?? defaultProgress(context.env))
    const views = new Map<ReproBuild, BuildView>()
    const finish = (): void => [...views.values()].at(-1)?.finish()
    const viewOf = (build: ReproBuild): BuildView => {
      const known = views.get(build)
      if (known !== undefined) return known
      finish()
      if (kind === 'auto' || kind === 'plain' || kind === 'tty') stderr.write(titles[build])
      const view = buildProgress(kind, stderr, context.debug)
      views.set(build, view)
      return view
    }
    try {
      const request = await buildRequest(flags, source, context)
      const { builder } = await context.engine({ isolation: flags.isolation })
      const report = await builder.repro(request, {
        signal: context.signal,
        onEvent: (event, build) => viewOf(build).onEvent(event),
      })
      finish()
      stdout.write(flags.json ? goIndentedJson(reproJson(report)) : reproLines(report))
      return report.difference === undefined ? 0 : 1
    } catch (thrown) {
      finish()
      const error = fromNodeError(thrown)
      if (!isMilleError(error) || error.kind === 'canceled' || error.kind === 'usage') throw error
      stderr.write(buildErrorText(error.message))
      return 1
    }
  },
})
