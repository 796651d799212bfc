import type { AnyCommand } from './command.ts'
import type { CommandGroup } from './command-table.ts'
import type { Flag } from './flags/flag.ts'

/** `Usage:  mille images [OPTIONS] …`, one line for each form. */
export function usageLines(path: string, command: Pick<AnyCommand, 'usage'>): string {
  return command.usage
    .map((form, index) => `${index ? '\t' : 'Usage:  '}${path} ${form}`.trimEnd())
    .join('\n')
}

export function commandHelp(path: string, command: AnyCommand): string {
  const parts = [usageLines(path, command), command.summary]
  const flags = Object.entries(command.flags).filter(([, flag]) => !flag.hidden)
  if (flags.length > 0) parts.push(`Options:\n${flagLines(flags)}`)
  return `${parts.join('\n\n')}\n`
}

function flagLines(flags: readonly (readonly [string, Flag<unknown>])[]): string {
  const named = flags
    .map(([name, flag]) => {
      const short = flag.short ? `-${flag.short}, ` : '    '
      return [`  ${short}--${name}${flag.type === '' ? '' : ` ${flag.type}`}`, flag, name] as const
    })
    .sort(([, , a], [, , b]) => a.localeCompare(b))
  const width = Math.max(...named.map(([left]) => left.length)) + 3
  return named
    .map(([left, flag]) => {
      const standard = flag.initial === true ? ' (default true)' : ''
      return left.padEnd(width) + wrap(flag.help + standard, 80 - width).join(`\n${' '.repeat(width)}`)
    })
    .join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** What `mille image` prints: the commands of the group. */
export function groupHelp(path: string, group: CommandGroup): string {
  const hasFlags = path === 'mille' || group.flags !== undefined
  const head = `Usage:  ${path}${hasFlags ? ' [OPTIONS]' : ''} COMMAND`
  const entries = Object.entries(group.members)
  const groups = entries.filter(([, member]) => 'members' in member)
  const commands = entries.filter(([, member]) => !('members' in member) && !member.alias)
  const width = Math.max(...entries.map(([name]) => name.length), 9) + 3
  const section = (title: string, rows: typeof entries): string[] =>
    rows.length === 0
      ? []
      : [`${title}:\n${rows.map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`).join('\n')}`]
  return `${[
    head,
    group.summary,
    ...section('Management Commands', groups),
    ...section('Commands', commands),
    ...(group.flags === undefined
      ? []
      : [`Options:\n${flagLines(Object.entries(group.flags).filter(([, flag]) => !flag.hidden))}`]),
    ...(path === 'mille'
      ? [
          'Global Options:\n' +
            '      --insecure-registry list   Registry that may be reached without TLS\n' +
            '      --root string              Folder of the store (default $MILLE_ROOT or /var/lib/mille)\n' +
            '  -v, --version                  Print version information and quit',
        ]
      : []),
    `Run '${path} COMMAND --help' for more information on a command.`,
  ].join('\n\n')}\n`
}
