import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: [''],
  summary: 'Check the store for damage',
  arguments: [0, 0],
  flags,
  async run(_, context) {
    const problems = await (await context.engine()).check()
    const { stdout } = context.io
    for (const { kind, object, reason } of problems) stdout.write(`${kind} ${object}: ${reason}\n`)
    if (problems.length === 0) stdout.write('The store is sound.\n')
    return problems.length === 0 ? 0 : 1
  },
})
