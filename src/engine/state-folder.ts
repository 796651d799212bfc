import { createHash } from 'node:crypto'
import { join } from 'node:path'

/** Where things live that a reboot ends anyway (a tmpfs); for those who are not root below `$XDG_RUNTIME_DIR`. */
function runFolder(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return '/run/mille'
  return join(env['XDG_RUNTIME_DIR'] || `/tmp/mille-${process.getuid?.() ?? 0}`, 'mille')
}

/** One per store, the same for every process that opens it. */
export function storeStateFolder(root: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'stores', createHash('sha256').update(root).digest('hex').slice(0, 12))
}

/** One for the whole machine: the bridge is shared by all stores. */
export function bridgeStateFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'bridge')
}
