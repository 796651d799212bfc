import { spawn } from 'node:child_process'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { collectText } from '../../util/run-program.ts'

/** Where a context was checked out from, as its folder says: a hint, which nobody has proved. */
export interface VersionControl {
  readonly source?: string
  readonly revision: string
}

/** Undefined when the folder is no git repository, or there is no git. */
export async function readVersionControl(folder: string): Promise<VersionControl | undefined> {
  const revision = await git(folder, 'rev-parse', 'HEAD')
  if (revision === undefined || !/^[0-9a-f]{40,64}$/.test(revision)) return undefined
  const source = await git(folder, 'config', '--get', 'remote.origin.url')
  return { ...(source !== undefined && source !== '' && { source: hidePasswords(source) }), revision }
}

/** One line of output; undefined when git fails. */
async function git(folder: string, ...args: readonly string[]): Promise<string | undefined> {
  // a repository may name programs to be run: not for a look at it
  const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null']
  const child = spawn('git', [...safe, '-C', folder, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
    child.once('error', () => resolve(null))
  })
  const text = await collectText(child.stdout, 64 * 1024)
  return (await ended) === 0 ? text.trim() : undefined
}
