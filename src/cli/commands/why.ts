import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { humanDuration } from '../../util/human-duration.ts'
import { numberedSteps, type NumberedStep, whyLines } from '../rows/why-lines.ts'

const flags = {
  json: toggle('Print as JSON, with every difference that is kept'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [STEP]'],
  summary: 'Show why each step of an image was or was not cached when it was built',
  arguments: [1, 2],
  flags,
  async run({ flags, args: [name = '', word] }, context) {
    const { images, builder } = await context.engine()
    const { id, repoTags } = await images.inspect(name)
    const report = await builder.report(id)
    if (report === undefined)
      throw failure('CLI_FAILED', { reason: `${name} was not built here: there is nothing to tell about it` })
    const { builtAt, dockerfile } = report
    const all = numberedSteps(report.steps)
    const steps = word === undefined ? all : chooseSteps(all, word)
    const { stdout } = context.io
    if (flags.json) {
      const built = new Date(builtAt).toISOString()
      stdout.write(`${JSON.stringify({ image: id, names: repoTags, built, dockerfile, steps }, null, 2)}\n`)
      return 0
    }
    const cached = all.filter((step) => step.cached).length
    const ago = humanDuration(context.now() - builtAt)
    if (word === undefined)
      stdout.write(
        `${name} was built ${ago} ago from ${dockerfile}: ${cached} of ${all.length} steps cached\n`,
      )
    stdout.write(whyLines(steps, { all: word !== undefined }))
    return 0
  },
})

/** A step is named by its number, or by words of its instruction. */
function chooseSteps(steps: readonly NumberedStep[], word: string): NumberedStep[] {
  const number = /^#?(\d+)$/.exec(word)?.[1]
  const found = steps.filter((step) =>
    number === undefined ? step.name.includes(word) : step.number === Number(number),
  )
  if (found.length > 0) return found
  const reason =
    number === undefined
      ? `no step has "${word}" in its instruction`
      : `there is no step ${number}: they go from 1 to ${steps.length}`
  throw failure('CLI_FAILED', { reason })
}
