import { closeSync, readFileSync } from 'node:fs'

/**
 * In a checkout the launcher looks for sources that are newer than this bundle and hands on a pipe (bin/mille). Waits for its
 * answer: the first such file, or empty. Whatever is started later is no concern of it.
 */
export function newerSource(env: NodeJS.ProcessEnv): string {
  const pipe = env['MILLE_NEWER_PIPE']
  if (pipe === undefined) return ''
  delete env['MILLE_NEWER_PIPE']
  const answer = readFileSync(Number(pipe)).toString()
  closeSync(Number(pipe))
  return answer.trim()
}
