import { spawn } from 'node:child_process'
import type * as Dgram from 'node:dgram'
import { readdirSync } from 'node:fs'
import type * as Net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess, isRunning } from '../../linux/process-identity.ts'
import type { ProcessIdentity } from '../../linux/process-identity.ts'
import { failure } from '../../util/errors.ts'
import type { Endpoint, PortBinding } from '../runtime.ts'

/** The member's addresses. */
export type RelayTarget = Pick<Endpoint, 'ip' | 'ipv6'>

/** Runs in a process of its own, from its source text: it must use nothing of this module. */
function relay(bindings: readonly PortBinding[], target: RelayTarget): void {
  const net = process.getBuiltinModule('node:net') as typeof Net
  const dgram = process.getBuiltinModule('node:dgram') as typeof Dgram
  let waiting = bindings.length
  const isIpv6 = (binding: PortBinding): boolean => binding.hostIp.includes(':')
  const hostOf = (binding: PortBinding): string =>
    isIpv6(binding) ? (target.ipv6?.ip ?? target.ip) : target.ip
  const ready = (): void => {
    waiting -= 1
    if (waiting === 0) process.send?.({ ready: true })
  }
  const fail = (binding: PortBinding) => (error: NodeJS.ErrnoException) => {
    process.send?.({ port: binding.hostPort, address: binding.hostIp, reason: error.code ?? error.message })
  }
  const relayTcp = (binding: PortBinding): void => {
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      const server = net.connect({ host: hostOf(binding), port: binding.containerPort, allowHalfOpen: true })
      const end = (): void => {
        client.destroy()
        server.destroy()
      }
      client.on('error', end).pipe(server).on('error', end).pipe(client)
    })
    server.on('error', fail(binding))
    // the other kind has a binding of its own
    server.listen({ port: binding.hostPort, host: binding.hostIp, ipv6Only: isIpv6(binding) }, ready)
  }
  const relayUdp = (binding: PortBinding): void => {
    const clients = new Map<string, { socket: Dgram.Socket; timer: NodeJS.Timeout }>()
    const type = isIpv6(binding) ? 'udp6' : 'udp4'
    const server = dgram.createSocket({ type, ipv6Only: isIpv6(binding) })
    server.on('error', fail(binding))
    server.on('message', (message, from) => {
      const key = `${from.address}:${from.port}`
      let client = clients.get(key)
      if (client === undefined) {
        if (clients.size > 1000) return
        const socket = dgram.createSocket(type)
        socket.on('error', () => {})
        socket.on('message', (answer) => server.send(answer, from.port, from.address))
        const forget = (): void => {
          clients.delete(key)
          socket.close()
        }
        client = { socket, timer: setTimeout(forget, 90_000) }
        clients.set(key, client)
      }
      client.timer.refresh()
      client.socket.send(message, binding.containerPort, hostOf(binding))
    })
    server.bind(binding.hostPort, binding.hostIp, ready)
  }
  for (const binding of bindings) (binding.protocol === 'tcp' ? relayTcp : relayUdp)(binding)
}

interface RelayMessage {
  readonly ready?: true
  readonly port?: number
  readonly address?: string
  readonly reason?: string
}

/**
 * A small process that carries connections to published ports, for hosts without nft. It outlives this one.
 * Errors: PORT_IN_USE, NETWORK_FAILED.
 */
export async function startRelay(
  id: string,
  bindings: readonly PortBinding[],
  target: RelayTarget,
): Promise<ProcessIdentity | undefined> {
  const source = `(${relay.toString()})(${JSON.stringify(bindings)}, ${JSON.stringify(target)})`
  const child = spawn(process.execPath, ['--max-old-space-size=64', '-e', source], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
    env: {},
  })
  const message = await new Promise<RelayMessage>((resolve) => {
    child.once('message', (value) => resolve(value as RelayMessage))
    child.once('error', (error) => resolve({ reason: error.message }))
    child.once('exit', (code) => resolve({ reason: `the relay ended with ${code}` }))
  })
  if (message.ready === true && child.pid !== undefined) {
    child.disconnect()
    child.unref()
    return identifyProcess(child.pid)
  }
  child.kill('SIGKILL')
  if (message.port === undefined) throw failure('NETWORK_FAILED', { id, reason: message.reason ?? '' })
  throw failure('PORT_IN_USE', {
    address: message.address ?? '',
    port: message.port,
    owner: message.reason ?? '',
  })
}

/** Resolves when its ports are free again. */
export async function stopRelay(relay: ProcessIdentity): Promise<void> {
  if (isRunning(relay)) process.kill(relay.pid, 'SIGKILL')
  // while its other threads still end, the first one counts as dead already but its sockets are open
  while (isRunning(relay) || countThreads(relay.pid) > 1) await sleep(1)
}

function countThreads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length
  } catch {
    return 0
  }
}
