import { eventJson, toEventMessage } from '../../api/convert/event-message.ts'
import type { EventMessage } from '../../api/types/event-message.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, text } from '../flags/flag.ts'
import { withGoFields } from '../format/go-fields.ts'
import { oneLine } from '../format/one-line.ts'
import { compileTemplate } from '../format/render-template.ts'
import { nanoTime } from '../../util/nano-time.ts'
import { parseMoment } from '../input/parse-time.ts'
import { groupFilters } from '../input/parse-filters.ts'

const flags = {
  filter: filters('Filter output based on conditions provided', { short: 'f' }),
  format: text('Format output: json or a Go template'),
  since: text('Show all events created since timestamp'),
  until: text('Stream events until this timestamp'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Get real time events from the server',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { io, signal } = context
    const now = context.now()
    const moment = (option: string, value: string | undefined): bigint | undefined =>
      value === undefined ? undefined : parseMoment(option, value, now)
    const render = lineFormat(flags.format)
    const engine = await context.engine()
    const events = engine.events({
      signal,
      since: moment('--since', flags.since),
      until: moment('--until', flags.until),
      filters: groupFilters(flags.filter),
    })
    for await (const event of events) io.stdout.write(`${render(toEventMessage(event))}\n`)
    return 0
  },
})

function lineFormat(format: string | undefined): (message: EventMessage) => string {
  if (format === undefined || format === '') return plainLine
  if (format === 'json' || format === '{{json .}}') return eventJson
  const render = compileTemplate(format)
  return (message) => render(withGoFields(message))
}

/** `2026-11-21T08:21:12.000000000Z container start ID (image=busybox, name=web)` */
function plainLine({ Type, Action, Actor, timeNano }: EventMessage): string {
  const attributes = Object.entries(Actor.Attributes).map(([key, value]) => `${key}=${value}`)
  const tail = attributes.length === 0 ? '' : ` (${attributes.join(', ')})`
  // labels are a stranger's: they must not forge a line or move the cursor
  return `${nanoTime(timeNano)} ${oneLine(`${Type} ${Action} ${Actor.ID}${tail}`)}`
}
