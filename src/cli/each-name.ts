import { isMilleError } from '../util/errors.ts'
import type { CommandContext } from './command.ts'
import { errorLine } from './report-error.ts'

/**
 * Runs `action` on all names at once and prints, in their order, what each resolves with or why it failed.
 * Something that is so already (started, stopped) is no failure; nor, with `mayBeMissing`, what is not there.
 * Resolves with the exit code.
 */
export async function eachName(
  names: readonly string[],
  { io, signal }: CommandContext,
  action: (name: string) => Promise<string>,
  options: { readonly mayBeMissing?: boolean } = {},
): Promise<number> {
  const running = names.map(async (name) => {
    try {
      return { line: await action(name), error: undefined }
    } catch (error) {
      if (isMilleError(error) && error.kind === 'not-modified') return { line: name, error: undefined }
      return { line: undefined, error }
    }
  })
  let code = 0
  for (const result of running) {
    const { line, error } = await result
    if (line !== undefined) io.stdout.write(`${line}\n`)
    else {
      if (signal.aborted) throw error
      io.stderr.write(`${errorLine(error)}\n`)
      const isMissing = isMilleError(error) && error.kind === 'not-found'
      if (!(options.mayBeMissing && isMissing)) code = 1
    }
  }
  return code
}
