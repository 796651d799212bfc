import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Writable } from 'node:stream'
import { failure } from '../util/errors.ts'
import type { CommandContext } from './command.ts'
import { fileFailure } from './input/open-file.ts'

/**
 * Gives `write` a sink: the file `path`, which appears whole or not at all (a temporary name beside it, renamed when
 * done), or standard output when `path` is absent or `-`; a terminal is refused. CLI_FAILED, CLI_OPEN_FILE.
 */
export async function writeOutputFile(
  path: string | undefined,
  { io }: CommandContext,
  write: (sink: Writable) => Promise<void>,
): Promise<void> {
  if (path === undefined || path === '-') {
    if (io.stdout.isTTY) {
      throw failure('CLI_FAILED', {
        reason: 'cowardly refusing to save to a terminal. Use the -o flag or redirect',
      })
    }
    await write(io.stdout)
    return
  }
  const info = await stat(path).catch(() => undefined)
  if (info?.isDirectory()) throw failure('CLI_OPEN_FILE', { path, reason: 'is a directory' })
  // devices and pipes (/dev/null) are written as they are: renaming over them would replace them
  const target =
    info && !info.isFile() ? path : `${dirname(path)}/.mille-${randomBytes(6).toString('hex')}.tmp`
  // opened before the stream exists: a stream destroyed while it opens would leave the file behind
  const file = await open(target, target === path ? 'w' : 'wx').catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  const sink = file.createWriteStream({ flush: true })
  try {
    await write(sink)
    if (!sink.writableEnded) sink.end()
    await finished(sink)
    if (target !== path) await rename(target, path)
  } catch (error) {
    sink.destroy()
    if (target !== path) await rm(target, { force: true })
    throw sink.errored ? fileFailure(path, sink.errored) : error
  }
}
