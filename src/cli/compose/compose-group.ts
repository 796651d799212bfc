import type { AnyCommand } from '../command.ts'
import type { CommandGroup } from '../command-table.ts'
import { composeFlags } from './compose-flags.ts'

const loadConfig = async (): Promise<AnyCommand> => (await import('./commands/config.ts')).command
const loadDown = async (): Promise<AnyCommand> => (await import('./commands/down.ts')).command
const loadLogs = async (): Promise<AnyCommand> => (await import('./commands/logs.ts')).command
const loadPs = async (): Promise<AnyCommand> => (await import('./commands/ps.ts')).command
const loadUp = async (): Promise<AnyCommand> => (await import('./commands/up.ts')).command

export const composeGroup: CommandGroup = {
  summary: 'Define and run multi-container applications',
  flags: composeFlags,
  members: {
    up: { summary: 'Create and start containers', load: loadUp },
    down: { summary: 'Stop and remove containers, networks', load: loadDown },
    ps: { summary: 'List containers', load: loadPs },
    logs: { summary: 'View output from containers', load: loadLogs },
    config: { summary: 'Parse, resolve and render compose file in canonical format', load: loadConfig },
    convert: {
      summary: 'Parse, resolve and render compose file in canonical format',
      alias: true,
      load: loadConfig,
    },
  },
}
