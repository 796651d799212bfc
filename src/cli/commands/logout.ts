import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['[SERVER]'],
  summary: 'Log out from a registry',
  arguments: [0, 1],
  flags,
  async run({ args: [server = 'docker.io'] }, context) {
    const { registries } = await context.engine()
    const known = await registries.logout(server)
    context.io.stdout.write(
      known ? `Removing login credentials for ${server}\n` : `Not logged in to ${server}\n`,
    )
    return 0
  },
})
