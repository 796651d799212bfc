import { nanoTime } from '../../util/nano-time.ts'
import { batchOutput } from '../batched-output.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { parseMoment, parseTail } from '../input/parse-time.ts'

const flags = {
  details: toggle('Show extra details provided to logs'),
  follow: toggle('Follow log output', { short: 'f' }),
  since: text(
    'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  ),
  tail: text('Number of lines to show from the end of the logs', { short: 'n' }),
  timestamps: toggle('Show timestamps', { short: 't' }),
  until: text(
    'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  ),
}

/** Before each line Docker puts what `--log-opt labels` and the like add, and a space: mille has none of these options. */
const noDetails = ' '

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER'],
  summary: 'Fetch the logs of a container',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { io, signal } = context
    const tail = parseTail(flags.tail)
    const now = context.now()
    const moment = (option: string, value: string | undefined): bigint | undefined =>
      value === undefined ? undefined : parseMoment(option, value, now)
    const since = moment('--since', flags.since)
    const until = moment('--until', flags.until)
    const { containers } = await context.engine()
    const lines = containers.logs(name, {
      follow: flags.follow,
      signal,
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    })
    const output = batchOutput(io)
    for await (const { stream, time, text } of lines) {
      const head = `${flags.timestamps ? `${nanoTime(time)} ` : ''}${flags.details ? noDetails : ''}`
      const line = head === '' ? text : Buffer.concat([Buffer.from(head), text])
      const full = output.write(stream, line)
      if (full !== undefined) await full
    }
    await output.flush()
    return 0
  },
})
