import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['[SERVER]'],
  summary: 'Log out from a registry',
  arguments: [0, 1],
  flags,
  async run({ args: [server = 'docker.io'] }, context) {
    const { registries } = await context.engine()
    await registries.logout(server)
    // whether there was a login or not, as Docker: what was asked for is true now
    context.io.stdout.write(`Removing login credentials for ${server}\n`)
    return 0
  },
})
