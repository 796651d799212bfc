import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { registrySettings } from '../input/registry-settings.ts'

const flags = {
  config: text('Configuration file', { short: 'c' }),
  json: toggle('Print the report as JSON'),
  storage: text('Folder of the registry (default below the store)'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Read all blobs of a registry, and put aside what is damaged',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { registries } = await context.engine()
    const report = await registries.scrub(await registrySettings(flags))
    const { stdout } = context.io
    if (flags.json) stdout.write(`${JSON.stringify(report)}\n`)
    else {
      for (const { digest, reason, needed } of report.damaged) {
        const names = needed.length === 0 ? 'nothing' : needed.join(', ')
        stdout.write(`damaged: ${digest} (${reason}), needed by ${names}: push it again\n`)
      }
      stdout.write(
        `${report.blobs} blobs checked (${humanSize(report.bytes)}), ${report.damaged.length} damaged\n`,
      )
    }
    return report.damaged.length === 0 ? 0 : 1
  },
})
