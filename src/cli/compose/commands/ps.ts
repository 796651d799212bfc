import { commandText, statusText } from '../../../api/convert/container-text.ts'
import { listContainers, type Observed } from '../../../compose/run/observed.ts'
import { failure } from '../../../util/errors.ts'
import { humanDuration } from '../../../util/human-duration.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { list, text, toggle } from '../../flags/flag.ts'
import { printRows, type RowFields } from '../../format/print-rows.ts'
import { goTime } from '../../format/units.ts'
import { ellipsis } from '../../rows/history-rows.ts'
import { portsText } from '../../rows/ports-text.ts'
import { chooseProject } from '../choose-project.ts'

const flags = {
  all: toggle('Show all stopped containers (including those created by the run command)', { short: 'a' }),
  filter: list('Filter services by a property (supported filters: status)'),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  'no-trunc': toggle("Don't truncate output"),
  orphans: toggle('Include orphaned services (not declared by project)', { initial: true }),
  quiet: toggle('Only display IDs', { short: 'q' }),
  services: toggle('Display services'),
  status: list(
    'Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]',
  ),
}

const headers = {
  ID: 'CONTAINER ID',
  Name: 'NAME',
  Image: 'IMAGE',
  Command: 'COMMAND',
  Service: 'SERVICE',
  RunningFor: 'CREATED',
  CreatedAt: 'CREATED AT',
  Status: 'STATUS',
  State: 'STATE',
  Health: 'HEALTH',
  ExitCode: 'EXIT CODE',
  Ports: 'PORTS',
  Project: 'PROJECT',
  Names: 'NAMES',
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'List containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const states = [...flags.status, ...flags.filter.map(statusOf)]
    const isEverything = flags.all || states.length > 0
    const found = await listContainers({ engine: await context.engine() }, project.name, {
      all: isEverything,
      oneOff: flags.all,
    })
    const shown = found.filter(
      ({ service, details }) =>
        (args.length === 0
          ? flags.orphans || Object.hasOwn(project.services, service)
          : args.includes(service)) &&
        (states.length === 0 || states.includes(details.state.status)),
    )
    if (flags.services) {
      const names = [...new Set(shown.map(({ service }) => service))]
      context.io.stdout.write(names.map((name) => `${name}\n`).join(''))
      return 0
    }
    const now = context.now()
    const rows = shown
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((container) =>
        row(container, project.name, now, flags['no-trunc'] || flags.quiet || flags.format === 'json'),
      )
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format,
        table: '{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}',
        quiet: flags.quiet ? 'ID' : undefined,
        headers,
      }),
    )
    return 0
  },
})

function statusOf(filter: string): string {
  const [key, value = ''] = filter.split('=')
  if (key !== 'status') throw failure('COMPOSE_FAILED', { reason: `unknown filter ${key ?? ''}` })
  return value
}

function row(
  { details, service, name }: Observed,
  project: string,
  now: number,
  noTrunc: boolean,
): RowFields {
  const { state, ports, createdAt, id, imageName } = details
  const command = commandText(details)
  const isRunning = state.status === 'running' || state.status === 'paused'
  return {
    Command: JSON.stringify(noTrunc ? command : ellipsis(command, 20)),
    CreatedAt: goTime(createdAt),
    ExitCode: state.exitCode,
    Health: state.health?.status ?? '',
    ID: noTrunc ? id : id.slice(0, 12),
    Image: imageName,
    Name: name,
    Names: name,
    Ports: isRunning ? portsText(ports, details.exposedPorts) : '',
    Project: project,
    Publishers: ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
      URL: hostIp,
      TargetPort: containerPort,
      PublishedPort: hostPort,
      Protocol: protocol,
    })),
    RunningFor: `${humanDuration(now - createdAt)} ago`,
    Service: service,
    State: state.status,
    Status: statusText(state, now),
  }
}
