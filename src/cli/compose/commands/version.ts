import { version } from '../../../util/version.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { parsed, toggle } from '../../flags/flag.ts'

function parseFormat(word: string): 'pretty' | 'json' {
  if (word === 'pretty' || word === 'json') return word
  throw new Error('must be pretty or json')
}

const flags = {
  format: parsed('Format the output. Values: [pretty | json]. (Default: pretty)', parseFormat, {
    short: 'f',
  }),
  short: toggle("Shows only Compose's version number"),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Show the Docker Compose version information',
  arguments: [0, 0],
  flags,
  isStoreless: true,
  async run({ flags }, { io }) {
    if (flags.short) io.stdout.write(`${version}\n`)
    else if (flags.format === 'json') io.stdout.write(`${JSON.stringify({ version })}\n`)
    else io.stdout.write(`mille compose version ${version}\n`)
    return 0
  },
})
