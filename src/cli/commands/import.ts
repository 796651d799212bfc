import { Readable } from 'node:stream'
import { failure } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
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
      message: flags.message ?? `Imported from ${hidePasswords(source)}`,
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
  const { address, headers } = withoutPassword(source)
  const response = await fetch(address, { signal, headers }).catch((cause: unknown) => {
    throw failure('CLI_FAILED', { reason: `cannot fetch ${address}: ${innermost(cause)}` }, { cause })
  })
  if (!response.ok || response.body === null)
    throw failure('CLI_FAILED', { reason: `cannot fetch ${address}: status ${response.status}` })
  return Readable.fromWeb(response.body)
}

/** fetch takes no login in an address, and would say it aloud; as a header it stays with this origin. */
function withoutPassword(text: string): {
  readonly address: string
  readonly headers: Record<string, string>
} {
  if (!URL.canParse(text))
    throw failure('CLI_FAILED', { reason: `${hidePasswords(text)} is no address to fetch from` })
  const url = new URL(text)
  const login = [url.username, url.password].map(decodeURIComponent).join(':')
  url.username = ''
  url.password = ''
  const headers = login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
  return { address: url.href, headers }
}

/** fetch hides the reason (connection refused) in the cause. */
function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? innermost(error.cause) : error.message
}
