import { fromNodeError } from '../linux/system-failure.ts'
import { isMilleError, messageOf, type MilleError } from '../util/errors.ts'
import type { AnyCommand } from './command.ts'
import { usageLines } from './help.ts'

export interface ErrorReport {
  readonly text: string
  readonly exitCode: number
}

/** Where the error came from, when a command had been found. */
export interface ErrorSource {
  readonly path: string
  readonly command?: AnyCommand
}

/** The lines and the exit code of a failed command, in Docker's wording (architecture: table of kinds). */
export function reportError(caught: unknown, source: ErrorSource): ErrorReport {
  // where cleaning up failed too, what the work itself failed of is the news
  const thrown = caught instanceof SuppressedError ? caught.suppressed : caught
  // whoever read standard output has gone: nothing to tell, and the shell's code for it
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EPIPE')
    return { text: '', exitCode: 141 }
  const error = fromNodeError(thrown)
  if (isMilleError(error, 'CANCELED') || isAbort(error)) return { text: '', exitCode: 130 }
  if (isMilleError(error) && error.kind === 'usage') return reportUsage(error, source)
  if (source.command?.failsAsRun) {
    return {
      text: `mille: ${lineOf(error)}\n\nRun '${source.path} --help' for more information\n`,
      exitCode: startFailureCode(error) ?? 125,
    }
  }
  return { text: `${errorLine(error)}\n`, exitCode: startFailureCode(error) ?? 1 }
}

/** 126 or 127 when the container's command could not be started (C42). */
export function startFailureCode(error: unknown): number | undefined {
  if (isMilleError(error, 'COMMAND_NOT_EXECUTABLE')) return 126
  return isMilleError(error, 'COMMAND_NOT_FOUND', 'WORKDIR_MISSING') ? 127 : undefined
}

/** The message of an error as one prints it: the engine's with Docker's prefix, those of the command line bare. */
export function errorLine(thrown: unknown): string {
  const error = fromNodeError(thrown)
  return isMilleError(error) ? lineOf(error) : `mille: ${lineOf(error)}`
}

function lineOf(error: unknown): string {
  // nothing that a user can cause ends here: whoever sees this line should report it
  if (!isMilleError(error)) return `internal error: ${messageOf(error)} (MILLE_DEBUG=1 shows where)`
  return isBare(error) ? error.message : `Error response from daemon: ${error.message}`
}

/** What Docker's own command line finds, without asking its daemon. */
const bareCodes: ReadonlySet<string> = new Set([
  'REFERENCE_INVALID',
  'NOT_LOCALLY_TAGGED',
  'TAG_BY_DIGEST',
  'PUSH_BY_DIGEST',
  'MANIFEST_DRAFT_EXISTS',
  'MANIFEST_IS_LIST',
  'MANIFEST_PLATFORM',
  'NO_SUCH_MANIFEST',
])

function isBare(error: MilleError): boolean {
  return error.code.startsWith('CLI_') || error.code.startsWith('COMPOSE_') || bareCodes.has(error.code)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function reportUsage(error: MilleError, { path, command }: ErrorSource): ErrorReport {
  const usage = command === undefined ? '' : `${usageLines(path, command)}\n\n`
  const { path: named, ask = 'Run' } = error.details
  const counted = error.code === 'CLI_ARGUMENT_COUNT' || error.code === 'CLI_COMMAND_UNKNOWN'
  return {
    text: `${error.message}\n\n${usage}${String(ask)} '${typeof named === 'string' ? named : path} --help' for more information\n`,
    // a plug-in of Docker's ends with 1 whatever is wrong
    exitCode: path.startsWith('mille compose') || (counted && !command?.failsAsRun) ? 1 : 125,
  }
}
