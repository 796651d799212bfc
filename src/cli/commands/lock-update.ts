import { relative } from 'node:path'
import { askLock, changeLines, lockFlags } from '../build/lock-request.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { writeOutputFile } from '../write-output-file.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [PATH]'],
  summary: 'Write the lock file and show what changed',
  arguments: [0, 1],
  flags: lockFlags,
  async run({ flags, args: [folder = '.'] }, context) {
    const report = await askLock(flags, folder, context)
    const { path, isNew, damage, text, entries, changes } = report
    const name = relative(process.cwd(), path)
    const { stdout, stderr } = context.io
    if (damage !== undefined) stderr.write(`WARNING: ${damage}: a new one is written\n`)
    if (isNew || damage !== undefined || changes.length > 0)
      await writeOutputFile(path, context, async (sink) => void sink.end(text))
    stdout.write(changeLines(report))
    const count = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
    stdout.write(
      `${name}: ${count}, ${changes.length === 0 ? 'nothing changed' : `${changes.length} changed`}\n`,
    )
    return 0
  },
})
