import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
}

export interface DockerRegistryOptions {
  /** Lines of an htpasswd file with bcrypt hashes: then Basic auth is asked for. */
  readonly htpasswd?: string
}

interface Started {
  /** Its own answer was seen. */
  readonly isReady: boolean
  readonly stop: () => Promise<void>
}

/** Names a server to whoever started it. */
const nameHeader = 'x-started-by'
const longestStart = 60_000

/**
 * Debian's docker-registry on a free port of loopback, its data in a temporary folder; deletes are allowed. A port that was
 * free a moment ago may be another process's by now, whose answers must not be taken for the registry's: then another port
 * is tried.
 */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const host = `127.0.0.1:${await freePort()}`
    const { isReady, stop } = await start(host, options)
    if (isReady) return { host, [Symbol.asyncDispose]: stop }
    await stop()
  }
  throw new Error('docker-registry did not start')
}

async function start(host: string, { htpasswd }: DockerRegistryOptions): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'mille-docker-registry-'))
  const name = randomUUID()
  await writeFile(join(folder, 'htpasswd'), htpasswd ?? '')
  const config = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}`,
    `http: {addr: "${host}", headers: {${nameHeader}: ["${name}"]}}`,
    ...(htpasswd === undefined ? [] : [`auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}`]),
  ]
  await writeFile(join(folder, 'config.yml'), config.join('\n'))
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
  const ending = new AbortController()
  const ended = new Promise<void>((resolve) => child.once('close', resolve).once('error', () => resolve()))
  void ended.then(() => ending.abort())
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  const isReady = await answers(
    host,
    name,
    AbortSignal.any([ending.signal, AbortSignal.timeout(longestStart)]),
  )
  return { isReady, stop }
}

/** Does the server of that name answer before `signal`? */
async function answers(host: string, name: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const found = await fetch(`http://${host}/v2/`, { signal }).then(
      ({ headers }) => headers.get(nameHeader),
      () => undefined,
    )
    if (found === name) return true
    await sleep(50)
  }
  return false
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
