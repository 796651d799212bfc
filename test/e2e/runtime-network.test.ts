import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { tryFlock } from '../../src/linux/flock.ts'
import { openBridge } from '../../src/runtime/network/bridge.ts'
import { openRuntime } from '../../src/runtime/open-runtime.ts'
import type { BridgeNetwork, ContainerHandle, ProcessSpec } from '../../src/runtime/runtime.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { readIfThere } from '../../src/util/read-text.ts'
import { makeBusyboxRoot } from '../support/busybox-root.ts'
import { killProcess } from '../support/kill-process.ts'
import { uniqueId } from '../support/unique-id.ts'
import { until } from '../support/until.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-network-'))
const root = join(top, 'root')
makeBusyboxRoot(root)
const runtime = openRuntime({ stateFolder: join(top, 'state') })
const methods = ['nftables', 'relay'] as const
const bridgeName = (method: string): string => `mt${process.pid}-${method.slice(0, 3)}`

after(() => {
  for (const method of methods) {
    if (existsSync(`/sys/class/net/${bridgeName(method)}`))
      execFileSync('ip', ['link', 'del', bridgeName(method)])
  }
  execFileSync('nft', ['delete', 'table', 'ip', `mille-${bridgeName('nftables')}`])
  rmSync(top, { recursive: true })
})

const made: ContainerHandle[] = []
const connected: { network: BridgeNetwork; id: string }[] = []
afterEach(async () => {
  for (const handle of made.splice(0)) await runtime.delete(handle, { force: true })
  for (const { network, id } of connected.splice(0)) await network.disconnect(id)
})

function bridgeOptions(method: (typeof methods)[number]): Parameters<typeof openBridge>[0] {
  return { name: bridgeName(method), stateFolder: join(top, method), portMethod: method }
}

async function connect(
  network: BridgeNetwork,
  id: string,
  ports: Parameters<BridgeNetwork['connect']>[1]['ports'] = [],
): ReturnType<BridgeNetwork['connect']> {
  connected.push({ network, id })
  return await network.connect(id, { ports })
}

function specIn(namespace: string, script: string): ProcessSpec {
  return {
    rootfs: root,
    args: ['sh', '-c', script],
    env: [],
    cwd: '/',
    user: '',
    hostname: 'h',
    network: { kind: 'namespace', path: namespace },
    mounts: [],
  }
}

async function runIn(namespace: string, script: string): Promise<string> {
  let text = ''
  await runtime.run(uniqueId('net'), specIn(namespace, script), {
    onOutput: (_, chunk) => (text += chunk.toString()),
  })
  return text
}

async function serveIn(namespace: string, id: string, script: string): Promise<void> {
  const handle = { id: uniqueId(id), folder: join(top, 'containers', id), runFolder: join(top, 'run', id) }
  mkdirSync(handle.folder, { recursive: true })
  made.push(handle)
  await runtime.create(handle, specIn(namespace, script), {
    stdin: false,
    logPath: join(handle.folder, 'log'),
  })
  await runtime.start(handle)
}

async function fetchText(url: string): Promise<string> {
  let text = ''
  await until(async () => {
    try {
      text = await (await fetch(url, { signal: AbortSignal.timeout(5000) })).text()
      return true
    } catch {
      return false
    }
  })
  return text
}

const serve = (text: string): string =>
  `mkdir -p /tmp/${text}; echo ${text} > /tmp/${text}/index.html; exec httpd -f -p 80 -h /tmp/${text}`
const hostAddress = (): string =>
  /src (\S+)/.exec(execFileSync('ip', ['route', 'get', '192.0.2.254']).toString())?.[1] ?? '127.0.0.1'

for (const method of methods) {
  test(`${method}: a published port answers on localhost and on the host's address, for TCP and UDP`, async (context) => {
    const network = await openBridge(bridgeOptions(method))
    assert.equal(network.portMethod, method)
    const endpoint = await connect(network, 'web', [
      { hostIp: '', hostPort: 0, containerPort: 80, protocol: 'tcp' },
      { hostIp: '127.0.0.1', hostPort: 0, containerPort: 53, protocol: 'udp' },
    ])
    await serveIn(endpoint.namespace, 'web', serve('web'))
    const echo = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, f) => s.send(m, f.port, f.address)); s.bind(53)`
    const server = spawn('nsenter', [`--net=${endpoint.namespace}`, process.execPath, '-e', echo], {
      stdio: 'inherit',
    })
    context.after(() => server.kill())
    const [tcp, udp] = endpoint.ports
    assert.equal(await fetchText(`http://127.0.0.1:${tcp?.hostPort}/`), 'web\n')
    assert.equal(await fetchText(`http://${hostAddress()}:${tcp?.hostPort}/`), 'web\n')
    const socket = createSocket('udp4')
    context.after(() => socket.close())
    const answer = new Promise((resolve) => socket.once('message', (message) => resolve(message.toString())))
    const timer = setInterval(() => socket.send('ping', udp?.hostPort, '127.0.0.1'), 50)
    context.after(() => clearInterval(timer))
    assert.equal(await answer, 'ping')
  })

  test(`${method}: two containers reach each other and the host's bridge address`, async () => {
    const network = await openBridge(bridgeOptions(method))
    const a = await connect(network, 'a')
    const b = await connect(network, 'b')
    assert.notEqual(a.ip, b.ip)
    await serveIn(a.namespace, 'a', serve('a'))
    assert.match(
      await runIn(
        b.namespace,
        `ip addr show eth0; for i in 1 2 3 4 5; do wget -q -O - http://${a.ip}/ && break; sleep 0.1; done`,
      ),
      new RegExp(`${b.ip}/16[^]*\na\n$`),
    )
    assert.match(await runIn(b.namespace, `ping -c 1 -W 2 ${network.subnet.gateway}`), / 0% packet loss/)
  })

  test(`${method}: a taken port names port and owner, and leaves nothing (B-RN-9)`, async (context) => {
    const network = await openBridge(bridgeOptions(method))
    const server = createServer().listen(0, '127.0.0.1')
    context.after(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const binding = { hostIp: '0.0.0.0', containerPort: 80, protocol: 'tcp' } as const
    await assert.rejects(network.connect('late', { ports: [{ ...binding, hostPort: port }] }), (error) => {
      assert.ok(isMilleError(error, 'PORT_IN_USE'))
      assert.match(error.message, new RegExp(`${port}.*process .*\\(${process.pid}\\)`))
      return true
    })
    const first = await connect(network, 'first', [{ ...binding, hostPort: 0 }])
    const taken = { ...binding, hostIp: '127.0.0.1', hostPort: first.ports[0]?.hostPort ?? 0 }
    await assert.rejects(
      network.connect('late', { ports: [taken] }),
      (error) => isMilleError(error, 'PORT_IN_USE') && error.message.includes('first'),
    )
    assert.deepEqual(readdirSync(join(top, method, 'namespaces')), ['first'])
    assert.deepEqual(readdirSync(join(top, method, 'endpoints')), ['first.json'])
    await network.disconnect('first')
    await connect(network, 'late', [taken])
  })

  test(`${method}: ports and namespaces outlive the process that made them`, async () => {
    const script = `import { openBridge } from ${JSON.stringify(import.meta.resolve('../../src/runtime/network/bridge.ts'))}
      const network = await openBridge(${JSON.stringify(bridgeOptions(method))})
      const endpoint = await network.connect('lasting', { ports: [{ hostIp: '', hostPort: 0, containerPort: 80, protocol: 'tcp' }] })
      process.stdout.write(JSON.stringify(endpoint), () => process.kill(process.pid, 'SIGKILL'))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) text += chunk.toString()
    const endpoint = JSON.parse(text) as Awaited<ReturnType<BridgeNetwork['connect']>>
    const network = await openBridge(bridgeOptions(method))
    connected.push({ network, id: 'lasting' })
    await serveIn(endpoint.namespace, 'lasting', serve('lasting'))
    assert.equal(await fetchText(`http://127.0.0.1:${endpoint.ports[0]?.hostPort}/`), 'lasting\n')
  })

  test(`${method}: many at once get different addresses`, async () => {
    const networks = await Promise.all(Array.from({ length: 4 }, () => openBridge(bridgeOptions(method))))
    const endpoints = await Promise.all(
      networks.flatMap((network, index) => [connect(network, `x${index}`), connect(network, `y${index}`)]),
    )
    assert.equal(new Set(endpoints.map(({ ip }) => ip)).size, 8)
  })
}

test('steps of a build share one namespace, which goes with the build or with its dead process', async () => {
  const network = await openBridge(bridgeOptions('nftables'))
  {
    await using build = await network.openBuildNetwork()
    assert.match(await runIn(build.namespace, 'ip addr show eth0; ip route'), /default via/)
    assert.equal(readdirSync(join(top, 'nftables', 'namespaces')).length, 1)
  }
  assert.deepEqual(readdirSync(join(top, 'nftables', 'namespaces')), [])
  const script = `import { openBridge } from ${JSON.stringify(import.meta.resolve('../../src/runtime/network/bridge.ts'))}
    await (await openBridge(${JSON.stringify(bridgeOptions('nftables'))})).openBuildNetwork()
    process.kill(process.pid, 'SIGKILL')`
  await new Promise((resolve) =>
    spawn(process.execPath, ['--input-type=module', '-e', script]).once('exit', resolve),
  )
  assert.equal(readdirSync(join(top, 'nftables', 'namespaces')).length, 1)
  await connect(network, 'next')
  assert.deepEqual(readdirSync(join(top, 'nftables', 'namespaces')), ['next'])
})

test('an address that lives on the bridge is not given out again, record or not', async (context) => {
  const network = await openBridge(bridgeOptions('nftables'))
  const orphan = await connect(network, 'orphan')
  const process = spawn('nsenter', [`--net=${orphan.namespace}`, 'sleep', '1000'])
  context.after(() => process.kill('SIGKILL'))
  await new Promise((resolve) => process.once('spawn', resolve))
  await until(() => readlinkSync(`/proc/${process.pid}/ns/net`) !== readlinkSync('/proc/self/ns/net'))
  // all that is known of it is lost; its process lives
  await network.disconnect('orphan')
  const next = await connect(network, 'next')
  assert.notEqual(next.ip, orphan.ip)
  const taken = network.connect('late', { ip: orphan.ip, ports: [] })
  await assert.rejects(taken, (error) => isMilleError(error, 'ADDRESS_IN_USE'))
  const ended = new Promise((resolve) => process.once('exit', resolve))
  process.kill('SIGKILL')
  await ended
  connected.push({ network, id: 'late' })
  assert.equal((await network.connect('late', { ip: orphan.ip, ports: [] })).ip, orphan.ip)
})

test('a container does not reach the loopback services of the host through the bridge (CVE-2020-8558)', async (context) => {
  const network = await openBridge(bridgeOptions('nftables'))
  const server = createServer((_, response) => response.end('secret')).listen(0, '127.0.0.1')
  context.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const endpoint = await connect(network, 'intruder')
  // the namespace is given a route for 127/8 over the bridge, as a container with NET_ADMIN could make one
  execFileSync('nsenter', [
    `--net=${endpoint.namespace}`,
    'sh',
    '-c',
    `echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip addr del 127.0.0.1/8 dev lo; ip route del table local 127.0.0.0/8 dev lo 2>/dev/null; ip route del table local 127.0.0.1 dev lo 2>/dev/null; ip route add 127.0.0.1/32 via ${network.subnet.gateway}`,
  ])
  const text = await runIn(endpoint.namespace, `wget -T 1 -q -O - http://127.0.0.1:${port}/ 2>&1`)
  assert.doesNotMatch(text, /secret/)
})

test('a bridge that is there already keeps its subnet, also for a store that does not know it', async () => {
  const { subnet } = await openBridge(bridgeOptions('nftables'))
  const other = await openBridge({ ...bridgeOptions('nftables'), stateFolder: join(top, 'other') })
  assert.deepEqual(other.subnet, subnet)
})

test('bad names, subnets and addresses are refused before anything is made', async () => {
  const invalid = (promise: Promise<unknown>): Promise<void> =>
    assert.rejects(promise, (error) => isMilleError(error, 'INVALID_ARGUMENT'))
  await invalid(openBridge({ name: 'x; flush ruleset', stateFolder: join(top, 'bad') }))
  await invalid(openBridge({ name: bridgeName('bad'), subnet: '10.0.0.1/16', stateFolder: join(top, 'bad') }))
  assert.equal(existsSync(`/sys/class/net/${bridgeName('bad')}`), false)
  const network = await openBridge(bridgeOptions('nftables'))
  for (const ip of ['10.1.1.1', network.subnet.gateway, network.subnet.prefix, '1.2.3'])
    await invalid(network.connect('bad', { ip, ports: [] }))
  await invalid(network.connect('../bad', { ports: [] }))
})

test('names are answered on the bridge; a name server that was killed is back by itself, and ends with its bridge', async (context) => {
  // not the machine's own name server: others rely on that one
  const namesFolder = join(top, 'names')
  const network = await openBridge({
    name: bridgeName('names'),
    stateFolder: join(top, 'named'),
    namesFolder,
  })
  context.after(async () => {
    for (const id of ['one', 'two']) await network.disconnect(id)
    await network.remove()
  })
  const one = await network.connect('one', { ports: [], names: ['one', 'alias'] })
  const ask = async (name: string): Promise<string> =>
    runIn(one.namespace, `nslookup ${name} ${network.subnet.gateway} 2>&1`)
  assert.match(await ask('alias'), new RegExp(`Name:\\talias\\nAddress: ${one.ip}`))
  const server = (): number => Number(readIfThere(join(namesFolder, 'aardvark.pid')))
  const killed = server()
  killProcess(killed)
  await until(() => server() !== killed)
  await until(async () => (await ask('alias')).includes(`Name:\talias\nAddress: ${one.ip}`))
  await network.rename('one', ['other'])
  // it reads its new list a moment later
  await until(async () => (await ask('other')).includes(`Name:\tother\nAddress: ${one.ip}`))
  assert.doesNotMatch(await ask('alias'), /Name:\talias/)
  const two = await network.connect('two', { ports: [], names: ['two'] })
  await until(async () => (await ask('two')).includes(`Name:\ttwo\nAddress: ${two.ip}`))
  for (const id of ['one', 'two']) await network.disconnect(id)
  // held by the server and by who keeps it
  await until(() => !isLocked(`${namesFolder}.lock`) && !isLocked(`${namesFolder}-keeper`))
})

function isLocked(path: string): boolean {
  const file = openSync(path, 'a')
  try {
    return !tryFlock(file, 'exclusive', path)
  } finally {
    closeSync(file)
  }
}
