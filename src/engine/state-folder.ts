import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { keepInMemory } from '../linux/memory-folder.ts'
import { ownerOf } from './owner.ts'

/** Where things live that a reboot ends anyway (a tmpfs); for those who are not root below `$XDG_RUNTIME_DIR`. */
export function runFolder(env: NodeJS.ProcessEnv = process.env): string {
  const owner = ownerOf(env)
  if (owner === 0) return '/run/mille'
  const own = env['XDG_RUNTIME_DIR']
  return own === undefined || own === '' ? `/tmp/mille-${owner}` : join(own, 'mille')
}

/** Where `/run` itself is on a disk, as in many containers, root's part of it is mounted in memory; or left there, if it must. */
export async function prepareRunFolder(): Promise<void> {
  if (ownerOf(process.env) === 0) await keepInMemory(runFolder()).catch(() => {})
}

/** One per store, the same for every process that has it open, by whatever path. The store must be there. */
export function storeStateFolder(root: string, env: NodeJS.ProcessEnv = process.env): string {
  const { dev, ino } = statSync(root, { bigint: true })
  return join(runFolder(env), 'stores', `${dev.toString(16)}-${ino.toString(16)}`)
}

/** For the whole machine: filters of system calls are the same for all stores. */
export function filterFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'seccomp')
}

/** One for the whole machine: the bridge is shared by all stores. */
export function bridgeStateFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'bridge')
}

/** Where `mille serve` listens when nothing is said. */
export function defaultSocket(env: NodeJS.ProcessEnv = process.env): string {
  return `${runFolder(env)}.sock`
}

/** Of the bridge of a user's network; its ID differs in all stores. */
export function networkStateFolder(id: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'networks', id)
}

/** Of all bridges of this machine. */
export function bridgeStateFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const networks = join(runFolder(env), 'networks')
  const ids = existsSync(networks) ? readdirSync(networks) : []
  return [bridgeStateFolder(env), ...ids.map((id) => join(networks, id))].filter((folder) =>
    existsSync(folder),
  )
}

/** For the one name server of all networks. */
export function namesFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(runFolder(env), 'names')
}
