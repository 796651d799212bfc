import { closeSync } from 'node:fs'
import { chmod, chown } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { openFolder } from '../../linux/openat2.ts'
import type { SshSource } from '../build.ts'
import { openAgent, readMessages } from './agent.ts'
import { string } from './wire.ts'

export interface SocketAccess {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Serves `source` on a socket in `folder` until disposed; the socket's path. SSH_AGENT_UNREACHABLE, SSH_KEY_INVALID. */
export async function serveAgent(
  source: SshSource,
  folder: string,
  name: string,
  { mode, uid, gid }: SocketAccess,
): Promise<{ readonly path: string } & AsyncDisposable> {
  // once before anybody asks, so that a wrong key or a dead agent is said at the step that wants it
  const probe = await openAgent(source)
  probe[Symbol.dispose]()
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => connections.delete(socket))
    void answer(source, socket)
  })
  // a socket's path has at most 107 bytes, and the store may lie deep
  const handle = openFolder(folder)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: `/proc/self/fd/${handle}/${name}` }, resolve)
  })
  const path = join(folder, name)
  await chown(path, uid, gid)
  await chmod(path, mode)
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      closeSync(handle)
    },
  }
}

async function answer(source: SshSource, socket: Socket): Promise<void> {
  try {
    using agent = await openAgent(source)
    for await (const message of readMessages(socket)) socket.write(string(await agent.request(message)))
  } catch {
    // the agent or the step went away: the connection ends, as it would with an agent of its own
  } finally {
    socket.destroy()
  }
}
