import { Readable } from 'node:stream'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { list, text } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { openFile } from '../input/open-file.ts'

const flags = {
  change: list('Apply Dockerfile instruction to the created image', { short: 'c' }),
  message: text('Set commit message for imported image', { short: 'm' }),
  platform: platformFlag('Platform of the image: os[/arch[/variant]]'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] file|URL|- [REPOSITORY[:TAG]]'],
  summary: 'Import the contents from a tarball to create a filesystem image',
  arguments: [1, 2],
  flags,
  async run({ flags, args: [source = '', reference] }, context) {
    const stream = await openSource(source, context)
    const { images } = await context.engine()
    const id = await images.import(stream, {
      signal: context.signal,
      changes: flags.change,
      message: flags.message ?? `Imported from ${source}`,
      ...(reference === undefined ? {} : { reference }),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    })
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})

async function openSource(source: string, { io, signal }: CommandContext): Promise<Readable> {
  if (source === '-') return io.stdin
  if (!/^https?:\/\//.test(source)) return (await openFile(source)).createReadStream()
  const response = await fetch(source, { signal }).catch((cause: unknown) => {
    throw failure(
      'CLI_FAILED',
      { reason: `cannot fetch ${withoutPassword(source)}: ${innermost(cause)}` },
      { cause },
    )
  })
  if (!response.ok || response.body === null) {
    throw failure('CLI_FAILED', {
      reason: `cannot fetch ${withoutPassword(source)}: status ${response.status}`,
    })
  }
  return Readable.fromWeb(response.body)
}

function withoutPassword(address: string): string {
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}

/** fetch hides the reason (connection refused) in the cause. */
function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? innermost(error.cause) : error.message
}
