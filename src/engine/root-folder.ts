import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ownerOf } from './owner.ts'

/** Where the store lies: `given`, `$MILLE_ROOT`, `/var/lib/mille` for root, else below `$XDG_DATA_HOME`. Absolute. */
export function rootFolder(given?: string, env: NodeJS.ProcessEnv = process.env): string {
  const chosen = given ?? env['MILLE_ROOT']
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  if (ownerOf(env) === 0) return '/var/lib/mille'
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'mille')
}
