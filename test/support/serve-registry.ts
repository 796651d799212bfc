import { once } from 'node:events'
import type { TestMille } from './mille.ts'

/** mille's own registry as a process of its own on a free port: `127.0.0.1:<port>`. It ends with `mille`. */
export async function serveRegistry(mille: TestMille, ...flags: readonly string[]): Promise<string> {
  const server = mille.start('registry', 'serve', '--address', '127.0.0.1:0', ...flags)
  const first = once(server.stdout!, 'data') as Promise<[Buffer]>
  const ended = once(server, 'exit').then(() => Promise.reject(new Error('registry serve ended')))
  const [said] = await Promise.race([first, ended])
  const host = /http:\/\/(127\.0\.0\.1:\d+)/.exec(said.toString())?.[1]
  if (host === undefined) throw new Error(`registry serve said: ${said.toString()}`)
  return host
}
