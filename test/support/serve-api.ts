import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { testMille, type Ran, type TestMille } from './mille.ts'

/** `mille serve` on a socket of its own, and clients that know nothing but its address. */
export interface TestApi {
  readonly socket: string
  /** Of the server. */
  readonly pid: number
  /** The real `docker` client. */
  docker(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: NodeJS.ProcessEnv },
  ): Ran
  /** As `docker`; throws with the output when the exit code is not 0. Returns standard output, trimmed. */
  ok(...args: readonly string[]): string
  /** One plain HTTP request. */
  call(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: string }>
  /** SIGTERM, or another signal; resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>
}

/** A store with busybox in it and a server on that store; disposing stops the server and removes all. */
export interface BusyboxApi extends AsyncDisposable {
  readonly mille: TestMille
  readonly api: TestApi
}

export async function busyboxApi(): Promise<BusyboxApi> {
  const mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const api = await serveApi(mille)
  return {
    mille,
    api,
    async [Symbol.asyncDispose]() {
      await api.stop()
      mille[Symbol.dispose]()
    },
  }
}

/** `command`: of another release. */
export async function serveApi(mille: TestMille, name = 'api.sock', command?: string): Promise<TestApi> {
  const socket = join(mille.root, name)
  const server = mille.startWith(command, 'serve', '-H', `unix://${socket}`)
  const log = text(server.stderr!)
  const [first] = (await Promise.race([
    once(server.stdout!, 'data'),
    once(server, 'exit').then(async () => Promise.reject(new Error(await log))),
  ])) as [Buffer]
  if (!first.includes(socket)) throw new Error(`mille serve said: ${first.toString()}`)
  const docker: TestApi['docker'] = (args, options = {}) => {
    const env = { ...process.env, DOCKER_CONFIG: join(mille.root, 'docker'), ...options.env }
    const result = spawnSync('docker', args, {
      input: options.input ?? '',
      env: { ...env, DOCKER_HOST: `unix://${socket}` },
      maxBuffer: 64 * 1024 * 1024,
    })
    if (result.error)
      throw new Error('the docker client is needed: scripts/setup.sh brings it', { cause: result.error })
    return { code: result.status ?? 128, out: result.stdout.toString(), err: result.stderr.toString() }
  }
  return {
    socket,
    pid: server.pid ?? 0,
    docker,
    ok(...args) {
      const { code, out, err } = docker(args)
      if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${out}${err}`)
      return out.trim()
    },
    async call(method, path, body, signal) {
      const headers = body === undefined ? {} : { 'Content-Type': 'application/json' }
      const outgoing = request({ socketPath: socket, method, path, headers, ...(signal && { signal }) })
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      return { status: response.statusCode ?? 0, body: await text(response) }
    },
    async stop(signal = 'SIGTERM') {
      server.kill(signal)
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
      return server.exitCode ?? 128
    },
  }
}
