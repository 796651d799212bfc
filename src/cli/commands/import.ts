import type { Readable } from 'node:stream'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { list, text } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { fetchFile } from '../input/fetch-file.ts'
import { readBigFile } from '../input/open-file.ts'

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
  if (!/^https?:\/\//.test(source)) return readBigFile(source)
  return await fetchFile(source, signal)
}
