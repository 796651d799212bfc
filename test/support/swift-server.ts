import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryProgram } from '../../src/util/run-program.ts'
import type { BucketOptions } from '../../src/registry/server/s3/bucket.ts'

/** OpenStack Swift with its S3 interface, as Debian ships it: a server that many run, in four small processes. */
export interface SwiftServer extends AsyncDisposable {
  /** Of a bucket that is there and empty; each call makes another one. */
  newBucket(): Promise<BucketOptions>
}

const kinds = ['account', 'container', 'object'] as const
const user = { accessKeyId: 'test:tester', secretAccessKey: 'testing' }

export async function startSwift(): Promise<SwiftServer> {
  const folder = mkdtempSync(join(tmpdir(), 'mille-swift-'))
  mkdirSync(join(folder, 'devices', 'd1'), { recursive: true })
  const ports = await freePorts(kinds.length + 1)
  const [proxyPort = 0] = ports
  const settings = (port: number): string =>
    `[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = ${port}\nworkers = 0\nuser = root\nswift_dir = ${folder}\n` +
    `devices = ${join(folder, 'devices')}\nmount_check = false\n`
  await Promise.all(
    kinds.map(async (kind, index) => {
      const port = ports[index + 1] ?? 0
      const ring = join(folder, `${kind}.builder`)
      await ringBuilder([ring, 'create', '0', '1', '0'])
      await ringBuilder([ring, 'add', `r1z1-127.0.0.1:${port}/d1`, '1'])
      await ringBuilder([ring, 'rebalance'])
      const app = `[pipeline:main]\npipeline = ${kind}-server\n[app:${kind}-server]\nuse = egg:swift#${kind}\n`
      writeFileSync(join(folder, `${kind}.conf`), settings(port) + app)
    }),
  )
  writeFileSync(join(folder, 'proxy.conf'), settings(proxyPort) + proxyPipeline)
  const children = [...kinds, 'proxy'].map((kind) =>
    spawn(`swift-${kind}-server`, [join(folder, `${kind}.conf`)], { stdio: 'ignore' }),
  )
  const endpoint = `http://127.0.0.1:${proxyPort}`
  let buckets = 0
  const server: SwiftServer = {
    async newBucket() {
      const name = `bucket${++buckets}`
      await makeBucket(endpoint, name)
      return { name, region: 'us-east-1', endpoint, pathStyle: true, credentials: user }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map(stop))
      rmSync(folder, { recursive: true })
    },
  }
  await answers(endpoint, children)
  return server
}

/** The proxy would not ask a server for a minute that was asked before it was up, were it not for the limit. */
const proxyPipeline = `[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = ${user.secretAccessKey} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
`

async function ringBuilder(args: readonly string[]): Promise<void> {
  // 1: done, with a warning
  const { exitCode, stderr } = await tryProgram('swift-ring-builder', args)
  if (exitCode > 1) throw new Error(`swift-ring-builder: ${stderr}`)
}

async function makeBucket(endpoint: string, Bucket: string): Promise<void> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: user,
    maxAttempts: 1,
  })
  await client.send(new CreateBucketCommand({ Bucket }))
  client.destroy()
}

/** Until the proxy and those behind it answer: they are Python programs, and take a second or more. */
async function answers(endpoint: string, children: readonly ChildProcess[]): Promise<void> {
  for (;;) {
    const ended = children.find(({ exitCode }) => exitCode !== null)
    if (ended !== undefined) throw new Error(`${ended.spawnfile} ended with ${ended.exitCode}`)
    const reached = await makeBucket(endpoint, 'probe').then(
      () => true,
      () => false,
    )
    if (reached) return
    await delay(100)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
