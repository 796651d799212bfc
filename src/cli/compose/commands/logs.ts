import { listContainers } from '../../../compose/run/observed.ts'
import { followLogs, readLogs } from '../../../compose/run/read-logs.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, text, toggle } from '../../flags/flag.ts'
import { parseMoment, parseTail } from '../../input/parse-time.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'
import { linePrinter } from '../print-lines.ts'

const flags = {
  follow: toggle('Follow log output', { short: 'f' }),
  index: integer('index of the container if service has multiple replicas'),
  'no-color': toggle('Produce monochrome output'),
  'no-log-prefix': toggle("Don't print prefix in logs"),
  since: text('Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)'),
  tail: text('Number of lines to show from the end of the logs for each container', { short: 'n' }),
  timestamps: toggle('Show timestamps', { short: 't' }),
  until: text(
    'Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)',
  ),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'View output from containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context, { quiet: true })
    const containers = (await listContainers(parts, project.name)).filter(
      ({ service, number }) =>
        Object.hasOwn(project.services, service) && (flags.index === undefined || number === flags.index),
    )
    const printer = linePrinter(project.name, containers, context, {
      prefix: !flags['no-log-prefix'],
      color: !flags['no-color'],
      timestamps: flags.timestamps,
    })
    const moment = (option: string, value: string | undefined): bigint | undefined =>
      value === undefined ? undefined : parseMoment(option, value, context.now())
    const [since, until, tail] = [
      moment('--since', flags.since),
      moment('--until', flags.until),
      parseTail(flags.tail),
    ]
    const options = {
      signal: context.signal,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(tail !== undefined && { tail }),
    }
    if (flags.follow) {
      await Promise.all(
        containers.map((one) => followLogs(parts, one, options, (line) => printer.print(line))),
      )
    } else {
      for await (const line of readLogs(parts, containers, options)) await printer.print(line)
    }
    await printer.flush()
    return 0
  },
})
