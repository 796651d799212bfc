import { join } from 'node:path'
import type { Contestant } from './case.ts'
import { succeeds } from './measure.ts'

/** This checkout's own command, on a store of its own below `folder`. */
export function millePath(folder: string): Contestant {
  const program = join(import.meta.dirname, '../bin/mille')
  const env = { MILLE_ROOT: join(folder, 'store') }
  return { name: 'mille', command: (...parameters) => ({ argv: [program, ...parameters], env }) }
}

/** Docker and Podman, where they are on PATH and answer within five seconds. */
export async function findPeers(): Promise<Contestant[]> {
  const found: Contestant[] = []
  for (const name of ['docker', 'podman'] as const)
    if (await succeeds({ argv: ['timeout', '5', name, 'info'] }))
      found.push({ name, command: (...parameters) => ({ argv: [name, ...parameters] }) })
  return found
}
