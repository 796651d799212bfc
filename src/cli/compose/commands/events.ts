import { label } from '../../../compose/run/labels.ts'
import { nanoTime } from '../../../util/nano-time.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { text, toggle } from '../../flags/flag.ts'
import { oneLine } from '../../format/one-line.ts'
import { parseMoment } from '../../input/parse-time.ts'
import { toEventMessage } from '../../../api/convert/event-message.ts'
import { chooseProject } from '../choose-project.ts'

const flags = {
  json: toggle('Output events as a stream of json objects'),
  since: text('Show all events created since timestamp'),
  until: text('Stream events until this timestamp'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Receive real time events from containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const engine = await context.engine()
    const moment = (option: string, value: string | undefined): bigint | undefined =>
      value === undefined ? undefined : parseMoment(option, value, context.now())
    const events = engine.events({
      signal: context.signal,
      since: moment('--since', flags.since),
      until: moment('--until', flags.until),
      filters: { type: ['container'], label: [`${label.project}=${project.name}`] },
    })
    for await (const event of events) {
      const { Action, Actor, timeNano } = toEventMessage(event)
      const { Attributes: all } = Actor
      const service = all[label.service] ?? ''
      if (args.length > 0 && !args.includes(service)) continue
      const attributes = Object.fromEntries(
        Object.entries(all).filter(([key]) => !key.startsWith('com.docker.compose.')),
      )
      const time = nanoTime(timeNano)
      const shown = Object.entries(attributes)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ')
      const record = { action: Action, attributes, id: Actor.ID, service, time, type: 'container' }
      const line = flags.json
        ? JSON.stringify(record)
        : oneLine(`${time} container ${Action} ${Actor.ID} (${shown})`)
      context.io.stdout.write(`${line}\n`)
    }
    return 0
  },
})
