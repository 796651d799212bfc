import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeNetworkNamespace } from '../../linux/network-namespace.ts'
import { failure } from '../../util/errors.ts'
import { runProgram } from '../../util/run-program.ts'
import { newId } from '../bundle.ts'
import { readPidFile } from '../container-files.ts'
import { findProgram } from '../machine.ts'
import type { BridgeNetwork, Endpoint, PortBinding } from '../runtime.ts'

/** The same in every container: each has a network of its own, which leads out through its pasta. */
const subnet = { gateway: '10.0.2.2', prefix: '10.0.2.0', prefixLength: 24 } as const
const address = '10.0.2.100'
const mac = '02:42:0a:00:02:64'
/** Milliseconds for pasta to have the interface up. */
const patience = 5000

/**
 * What an ordinary user has in place of a bridge: one pasta a container carries its traffic as sockets of that user, and
 * holds its published ports. Containers do not reach each other but through those. Source: passt(1).
 */
export function openPastaNetwork({ stateFolder }: { readonly stateFolder: string }): BridgeNetwork {
  for (const name of ['namespaces', 'pasta'])
    mkdirSync(join(stateFolder, name), { recursive: true, mode: 0o700 })
  const connect = (id: string, ports: readonly PortBinding[]): Promise<Endpoint> =>
    connectPasta(stateFolder, id, ports)
  const disconnect = async (id: string): Promise<void> => disconnectPasta(stateFolder, id)
  return {
    connect: (id, { ports }) => connect(id, ports),
    disconnect,
    // it is the only network that such a container can have
    takeRoute: async () => {},
    movePorts: () =>
      Promise.reject(
        failure('PORTS_FIXED', { reason: "an ordinary user's are held by the container's own pasta" }),
      ),
    async openBuildNetwork() {
      const id = newId('build')
      const { namespace } = await connect(id, [])
      return { namespace, [Symbol.asyncDispose]: () => disconnect(id) }
    },
    subnet,
    portMethod: 'relay',
  }
}

/** Can pasta work for this user? Otherwise what is missing. */
export function pastaProblem(): string | undefined {
  if (findProgram('pasta') === undefined) return 'pasta is not installed (package passt)'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return undefined
  } catch {
    return '/dev/net/tun cannot be opened (chmod 666 /dev/net/tun)'
  }
}

async function connectPasta(folder: string, id: string, wanted: readonly PortBinding[]): Promise<Endpoint> {
  const problem = pastaProblem()
  if (problem !== undefined) throw failure('ROOTLESS_NETWORK', { reason: problem })
  disconnectPasta(folder, id)
  const namespace = join(folder, 'namespaces', id)
  try {
    await makeNamespace(namespace)
    const ports = await Promise.all(wanted.map(withHostPort))
    await startPasta(namespace, pidFileOf(folder, id), ports)
    const { gateway, prefixLength } = subnet
    return { namespace, interface: 'eth0', ip: address, prefixLength, gateway, mac, ports }
  } catch (error) {
    disconnectPasta(folder, id)
    throw error
  }
}

/** By a program: this process could not come back into the machine's own namespace, over which its user has no rights. */
async function makeNamespace(path: string): Promise<void> {
  writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  await runProgram('unshare', [`--net=${path}`, 'true'])
}

function pidFileOf(folder: string, id: string): string {
  return join(folder, 'pasta', `${id}.pid`)
}

/** pasta ends by itself when its namespace does; its ports are to be free at once. */
function disconnectPasta(folder: string, id: string): void {
  const path = pidFileOf(folder, id)
  const pid = readPidFile(path)
  try {
    if (pid !== undefined) process.kill(pid, 'SIGTERM')
  } catch {
    // it has ended
  }
  rmSync(path, { force: true })
  removeNetworkNamespace(join(folder, 'namespaces', id))
}

async function startPasta(namespace: string, pidFile: string, ports: readonly PortBinding[]): Promise<void> {
  const child = spawn(findProgram('pasta') ?? 'pasta', pastaArguments(namespace, pidFile, ports), {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const limit = performance.now() + patience
  while (!existsSync(pidFile)) {
    const ended = child.exitCode !== null || child.signalCode !== null
    if (ended || performance.now() > limit) {
      child.kill('SIGKILL')
      throw failure('ROOTLESS_NETWORK', { reason: `pasta: ${said.trim() || 'it does not answer'}` })
    }
    await sleep(2)
  }
  child.stderr.destroy()
  child.unref()
}

function pastaArguments(namespace: string, pidFile: string, ports: readonly PortBinding[]): string[] {
  const forwards = (protocol: 'tcp' | 'udp', flag: string): string[] => {
    const specs = ports.filter((port) => port.protocol === protocol).map(portSpec)
    return specs.length === 0 ? [flag, 'none'] : specs.flatMap((spec) => [flag, spec])
  }
  const flags = {
    netns: namespace,
    address,
    netmask: '24',
    gateway: subnet.gateway,
    'ns-mac-addr': mac,
    'ns-ifname': 'eth0',
    runas: '0:0',
    pid: pidFile,
  }
  return [
    '--foreground',
    '--quiet',
    '--stderr',
    '--config-net',
    '--netns-only',
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ...forwards('tcp', '-t'),
    ...forwards('udp', '-u'),
    // nothing of this machine's loopback is to be reached from inside
    ...['-T', '-U'].flatMap((flag) => [flag, 'none']),
  ]
}

function portSpec({ hostIp, hostPort, containerPort }: PortBinding): string {
  const host = hostIp === '' || hostIp === '0.0.0.0' ? '' : `${hostIp}/`
  return `${host}${hostPort}:${containerPort}`
}

async function withHostPort({ lastHostPort, ...port }: PortBinding): Promise<PortBinding> {
  if (lastHostPort === undefined) return port.hostPort === 0 ? { ...port, hostPort: await listen(0) } : port
  let hostPort = port.hostPort
  while (hostPort < lastHostPort && !(await isFree(hostPort))) hostPort += 1
  return { ...port, hostPort }
}

function isFree(port: number): Promise<boolean> {
  return listen(port).then(
    () => true,
    () => false,
  )
}

/** The port that a listener gets for a moment; 0 asks for any. */
function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(port, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0))
    })
  })
}
