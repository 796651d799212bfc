import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contestant } from '../case.ts'
import { succeeds, type Command } from '../measure.ts'

export interface LocalRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly program: string
}

/** A registry on a free port of loopback, its data kept below `folder`: docker-registry where it is on PATH, else mille's own. */
export async function startRegistry(folder: string, mille: Contestant): Promise<LocalRegistry> {
  const host = `127.0.0.1:${await freePort()}`
  const foreign = await succeeds({ argv: ['sh', '-c', 'command -v docker-registry'] })
  const { argv, env } = foreign
    ? await dockerRegistry(folder, host)
    : mille.command('registry', 'serve', '-q', '--address', host, '--storage', join(folder, 'mille'))
  const [program = '', ...parameters] = argv
  const child = spawn(program, parameters, { env: { ...process.env, ...env }, stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  }
  for (let tries = 0; tries < 200; tries++) {
    if (await answers(host))
      return { host, program: foreign ? 'docker-registry' : 'mille', [Symbol.asyncDispose]: stop }
    await sleep(50)
  }
  await stop()
  throw new Error(`${program} did not answer within 10 s`)
}

async function dockerRegistry(folder: string, host: string): Promise<Command> {
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'docker-registry.yml')
  const lines = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${folder}/docker}}`,
    `http: {addr: "${host}"}`,
  ]
  await writeFile(config, lines.join('\n'))
  return { argv: ['docker-registry', 'serve', config] }
}

function answers(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`).then(
    (response) => response.ok,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
