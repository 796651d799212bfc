import { problemsOf } from '../../dockerfile/problem.ts'
import { isMilleError, type MilleError } from '../../util/errors.ts'
import { problemJson } from '../format/problem-json.ts'
import type { CommandContext } from '../command.ts'

const prefix = 'error: '

/** The reason alone, in one line: what stands behind the excerpts of the Dockerfile, or how many such reasons there are. */
export function errorSummary(message: string): string {
  const lines = message.trimEnd().split('\n')
  while (lines.at(-1)?.startsWith('note: ') === true) lines.pop()
  // what the step itself printed stands before
  const reasons = lines.slice(lines.lastIndexOf('------') + 1).filter((line) => line.startsWith(prefix))
  if (reasons.length > 1) return `${reasons.length} errors`
  const last = lines.at(-1) ?? ''
  return last.startsWith(prefix) ? last.slice(prefix.length) : last
}

/** A failed build as the terminal shows it: where and why (table D), then one clear line at the end, as BuildKit does. */
export function buildErrorText(message: string): string {
  const where = message.includes('\n') ? `${message.trimEnd()}\n` : ''
  return `${where}ERROR: failed to build: ${errorSummary(message)}\n`
}

/** The same as data, in one line: the problems of the Dockerfile with their places. */
export function buildErrorJson(error: MilleError): string {
  const problems = problemsOf(error).map(problemJson)
  return `${JSON.stringify({ type: 'failed', code: error.code, message: errorSummary(error.message), problems })}\n`
}

/** Runs a command of buildx's: what goes wrong is one line that begins with ERROR. Resolves with the exit code. */
export async function asBuildError(
  { io }: Pick<CommandContext, 'io'>,
  work: () => Promise<void>,
): Promise<number> {
  try {
    await work()
    return 0
  } catch (error) {
    if (!isMilleError(error) || error.kind === 'canceled' || error.kind === 'usage') throw error
    io.stderr.write(`ERROR: ${error.message}\n`)
    return 1
  }
}
