import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  repair: toggle('Put damaged blobs aside, so that pulling or loading their image again mends it'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Check the store for damage',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const problems = await (await context.engine()).check({ repair: flags.repair })
    const { stdout } = context.io
    for (const { kind, object, reason } of problems) stdout.write(`${kind} ${object}: ${reason}\n`)
    if (problems.length === 0) stdout.write('The store is sound.\n')
    else if (flags.repair)
      stdout.write('Damaged blobs were put aside. Pull, load or build the images again.\n')
    else stdout.write("Run 'mille check --repair', then pull, load or build the images again.\n")
    return problems.length === 0 ? 0 : 1
  },
})
