import { chownSync, lstatSync, statSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import { makeFolders } from '../../util/make-folders.ts'

/** Connections that may wait until they are taken; the kernel has its own bound. */
const backlog = 4096

/** Where a server listens. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** `unix:///run/mille.sock`, `tcp://127.0.0.1:2375`. INVALID_ARGUMENT. */
export function parseListenAddress(text: string): ListenAddress {
  const path = /^unix:\/\/(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { kind: 'unix', path }
  const [, literal, name, port] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})$/.exec(text) ?? []
  const host = literal ?? name
  if (host !== undefined && Number(port) <= 65535) return { kind: 'tcp', host, port: Number(port) }
  throw failure('INVALID_ARGUMENT', {
    reason: `invalid address "${text}": use unix:///path/to/socket or tcp://HOST:PORT`,
  })
}

/**
 * Resolves with the address as clients write it. A unix socket is for its owner and the group with the number `group`.
 * SOCKET_IN_USE, SOCKET_UNSAFE, SYSTEM_CALL_FAILED.
 */
export async function listen(server: Server, address: ListenAddress, group?: number): Promise<string> {
  if (address.kind === 'unix') await listenUnix(server, address.path, group)
  else
    await begin(
      server,
      () => server.listen({ port: address.port, host: address.host, backlog }),
      `${address.host}:${address.port}`,
    )
  if (address.kind === 'unix') return `unix://${address.path}`
  const { port } = server.address() as AddressInfo
  return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`
}

async function listenUnix(server: Server, path: string, group: number | undefined): Promise<void> {
  const folder = dirname(path)
  makeFolders(folder, 0o755)
  checkFolder(folder)
  await removeStale(path)
  await begin(
    server,
    () => {
      // whoever may write to it is root (C-A3): it must not be anybody's for the moment before a chmod
      const mask = process.umask(0o117)
      try {
        server.listen({ path, backlog })
      } finally {
        process.umask(mask)
      }
    },
    path,
  )
  try {
    if (group !== undefined) chownSync(path, -1, group)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

/** In a folder where everybody may rename, another user could put his own socket in the place of ours. */
function checkFolder(folder: string): void {
  const { mode, uid } = statSync(folder)
  const writable = (mode & 0o002) !== 0 && (mode & 0o1000) === 0
  if (writable) throw failure('SOCKET_UNSAFE', { folder, reason: 'everybody may write there' })
  if (uid !== 0 && uid !== process.getuid?.()) {
    throw failure('SOCKET_UNSAFE', { folder, reason: `it belongs to user ${uid}` })
  }
}

/** What a killed server left. One that answers is left alone, and so is everything that is no socket. */
async function removeStale(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) return
  if (!status.isSocket() || (await answers(path))) throw failure('SOCKET_IN_USE', { path })
  try {
    unlinkSync(path)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

async function begin(server: Server, start: () => void, where: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => reject(fromNodeError(error, where) as Error)
    server.once('error', fail)
    server.once('listening', () => {
      server.off('error', fail)
      resolve()
    })
    start()
  })
}
