import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const attended = 'attended'

/**
 * What the monitor runs after the process ended. A command that waits in the foreground settles the container itself
 * and says so by a file with its pid: then starting a second mille would only cost time. When that command was killed,
 * the settling is done here, so that `--rm` and the network never depend on it.
 */
export function monitorExit(folder: string, settleCommand: readonly string[]): readonly string[] {
  const script = 'read -r pid 2>/dev/null <"$1" && kill -0 "$pid" 2>/dev/null && exit 0; shift; exec "$@"'
  return ['/bin/sh', '-c', script, 'settle', join(folder, attended), ...settleCommand]
}

/** This process will settle the container; disposing takes that back. */
export async function attend(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, attended)
  await writeFile(path, `${process.pid}\n`)
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}
