import { statSync } from 'node:fs'
import { runProgram } from '../../util/run-program.ts'

/** A log may grow this far beyond its limit before its oldest part goes: as in the script of `log-keeper.ts`. */
const slack = (limit: number): number => limit / 10 + 8192

/**
 * What the keeper of logs does once a second, for a log to which nobody writes any more: a container may have ended before
 * the keeper looked. Errors: PROGRAM_FAILED.
 */
export async function trimLog(path: string, limit: number): Promise<void> {
  const file = statSync(path, { throwIfNoEntry: false })
  if (file === undefined || file.blocks * 512 <= limit + slack(limit)) return
  await runProgram('fallocate', ['--punch-hole', '--length', String(file.size - limit), path])
}
