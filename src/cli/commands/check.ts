import type { Engine } from '../../engine/engine.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  repair: toggle('Put what is damaged aside: pulling or loading the image again mends it'),
}

function advice(problems: Awaited<ReturnType<Engine['check']>>, repaired: boolean): string {
  if (problems.length === 0) return 'The store is sound.\n'
  const onlyIndexes = problems.every(({ kind }) => kind === 'INDEX_DAMAGED')
  if (!repaired)
    return `Run 'mille check --repair'${onlyIndexes ? '' : ', then pull, load or build the images again'}.\n`
  if (onlyIndexes) return 'Damaged indexes were removed; the next use makes them again.\n'
  return 'What is damaged was put aside. Pull, load or build the images again.\n'
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
    stdout.write(advice(problems, flags.repair))
    return problems.length === 0 ? 0 : 1
  },
})
