import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: [''],
  summary: 'Start the containers that their restart policies want to run, as after a reboot',
  arguments: [0, 0],
  flags,
  async run(_, context) {
    const { containers } = await context.engine()
    for (const name of await containers.resume()) context.io.stdout.write(`${name}\n`)
    return 0
  },
})
