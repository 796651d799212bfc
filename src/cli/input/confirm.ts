import { createInterface } from 'node:readline'
import { failure } from '../../util/errors.ts'
import type { CommandContext } from '../command.ts'

/** Asks on standard output; true only for `y`. Resolves with false at end of input; CANCELED on a signal. */
export async function confirm(question: string, { io, signal }: CommandContext): Promise<boolean> {
  io.stdout.write(`${question} [y/N] `)
  const lines = createInterface({ input: io.stdin, signal })
  const { promise, resolve } = Promise.withResolvers<string>()
  lines.once('line', resolve)
  lines.once('close', () => resolve(''))
  const answer = await promise
  lines.close()
  if (signal.aborted) throw failure('CANCELED', {})
  return answer.trim().toLowerCase() === 'y'
}

/** One line from the terminal, not echoed when `hidden`. */
export async function askLine(
  prompt: string,
  { io, signal }: CommandContext,
  options: { readonly hidden?: boolean } = {},
): Promise<string> {
  io.stdout.write(prompt)
  const lines = createInterface({
    input: io.stdin,
    signal,
    terminal: options.hidden ?? false,
  })
  const { promise, resolve } = Promise.withResolvers<string>()
  lines.once('line', resolve)
  lines.once('close', () => resolve(''))
  const answer = await promise
  lines.close()
  if (options.hidden) io.stdout.write('\n')
  if (signal.aborted) throw failure('CANCELED', {})
  return answer
}
