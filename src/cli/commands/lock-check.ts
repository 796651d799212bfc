import { relative } from 'node:path'
import { failure } from '../../util/errors.ts'
import { askLock, changeLines, lockFlags } from '../build/lock-request.ts'
import { type AnyCommand, defineCommand } from '../command.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [PATH]'],
  summary: 'Show what leads elsewhere than the lock file says',
  arguments: [0, 1],
  flags: lockFlags,
  async run({ flags, args: [folder = '.'] }, context) {
    const report = await askLock(flags, folder, context)
    const { path, isNew, changes, damage } = report
    if (damage !== undefined)
      throw failure('CLI_FAILED', { reason: `${damage}: mille lock update writes a new one` })
    context.io.stdout.write(changeLines(report))
    if (!isNew && changes.length === 0) return 0
    const name = relative(process.cwd(), path)
    const what = isNew ? 'is not there' : 'is not up to date'
    context.io.stderr.write(`${name} ${what}: mille lock update\n`)
    return 1
  },
})
