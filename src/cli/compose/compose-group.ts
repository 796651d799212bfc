import type { AnyCommand } from '../command.ts'
import type { CommandGroup } from '../command-table.ts'
import { composeFlags } from './compose-flags.ts'

const loadConfig = async (): Promise<AnyCommand> => (await import('./commands/config.ts')).command

export const composeGroup: CommandGroup = {
  summary: 'Define and run multi-container applications',
  flags: composeFlags,
  members: {
    config: { summary: 'Parse, resolve and render compose file in canonical format', load: loadConfig },
    convert: {
      summary: 'Parse, resolve and render compose file in canonical format',
      alias: true,
      load: loadConfig,
    },
  },
}
