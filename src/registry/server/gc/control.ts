import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { json } from 'node:stream/consumers'
import { failure, messageOf } from '../../../util/errors.ts'
import type { CollectReport, ScrubReport } from './collection.ts'

/** What the owner of a registry's folder can ask the process that serves it. */
export interface RegistryControl {
  collect(options: CollectRequest): Promise<CollectReport>
  scrub(): Promise<ScrubReport>
}

export interface CollectRequest {
  readonly dryRun: boolean
  /** Default: what the registry was set to. */
  readonly grace?: number
}

const socketName = 'control.sock'

/**
 * Listens on a socket in the registry's folder, which is its owner's alone (0700): whoever reaches it may change every file
 * there. To be called by who holds the folder's lock: a socket that is there is a dead process's.
 */
export async function serveControl(root: string, control: RegistryControl): Promise<AsyncDisposable> {
  const folder = await open(root)
  const path = socketPath(folder)
  await rm(path, { force: true })
  const server = createServer((asked, answer) => {
    respond(asked, control).then(
      (value) => answer.writeHead(200).end(JSON.stringify(value)),
      (error: unknown) => answer.writeHead(500).end(JSON.stringify({ error: messageOf(error) })),
    )
  })
  // a collection takes as long as it takes
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  server.unref()
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await folder.close()
    },
  }
}

async function respond(asked: IncomingMessage, control: RegistryControl): Promise<unknown> {
  if (asked.url === '/scrub') return control.scrub()
  return control.collect((await json(asked)) as CollectRequest)
}

/** The process that serves `root`. Throws REGISTRY_CONTROL_FAILED. */
export function remoteControl(root: string): RegistryControl {
  return {
    collect: async (options) => (await ask(root, '/collect', options)) as CollectReport,
    scrub: async () => (await ask(root, '/scrub', {})) as ScrubReport,
  }
}

async function ask(root: string, path: string, body: unknown): Promise<unknown> {
  try {
    await using folder = await open(root)
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath: socketPath(folder), path, method: 'POST' }, resolve)
        .once('error', reject)
        .end(JSON.stringify(body))
    })
    const value = (await json(answer)) as Readonly<Record<string, unknown>>
    if (answer.statusCode !== 200) throw new Error(String(value['error']))
    return value
  } catch (error) {
    throw failure('REGISTRY_CONTROL_FAILED', { root, reason: messageOf(error) }, { cause: error })
  }
}

/** A socket's path has at most 107 bytes, the folder's may have more. */
function socketPath(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}/${socketName}`
}
