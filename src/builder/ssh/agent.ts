import { createConnection, type Socket } from 'node:net'
import { failure } from '../../util/errors.ts'
import type { SshSource } from '../build.ts'
import { parseSshKey, type SshKey } from './private-key.ts'
import { string, uint32, WireReader } from './wire.ts'

/** Message numbers. Source: draft-miller-ssh-agent. */
const messages = { failure: 5, list: 11, listed: 12, sign: 13, signed: 14 } as const

/** OpenSSH's own limit, bytes. */
const longestMessage = 256 * 1024

export const refusal: Buffer = Buffer.from([messages.failure])

/** Answers one request at a time, in their order; messages without their length. */
export interface SshAgent extends Disposable {
  request(message: Buffer): Promise<Buffer>
}

/** An agent that a step may use: it lists its keys and signs with them, and whatever would change it is refused. */
export async function openAgent({ agent }: SshSource): Promise<SshAgent> {
  const inner = agent.kind === 'socket' ? await connectAgent(agent.path) : keyAgent(agent.keys)
  return {
    request: async (message) =>
      message[0] === messages.list || message[0] === messages.sign ? await inner.request(message) : refusal,
    [Symbol.dispose]: () => inner[Symbol.dispose](),
  }
}

function keyAgent(sources: readonly { readonly name: string; readonly text: string }[]): SshAgent {
  const keys = sources.map(({ name, text }) => parseSshKey(name, text))
  return {
    request: (message) =>
      Promise.resolve(message[0] === messages.list ? listed(keys) : signed(keys, message)),
    [Symbol.dispose]: () => {},
  }
}

function listed(keys: readonly SshKey[]): Buffer {
  const rows = keys.flatMap(({ publicKey, comment }) => [string(publicKey), string(comment)])
  return Buffer.concat([Buffer.from([messages.listed]), uint32(keys.length), ...rows])
}

function signed(keys: readonly SshKey[], message: Buffer): Buffer {
  try {
    const reader = new WireReader(message.subarray(1))
    const [publicKey, data, flags] = [reader.string(), reader.string(), reader.uint32()]
    const key = keys.find((one) => one.publicKey.equals(publicKey))
    if (key === undefined) return refusal
    return Buffer.concat([Buffer.from([messages.signed]), string(key.sign(data, flags))])
  } catch {
    // a message that ends too early
    return refusal
  }
}

async function connectAgent(path: string): Promise<SshAgent> {
  const socket = createConnection({ path })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (cause) => {
      reject(failure('SSH_AGENT_UNREACHABLE', { path, reason: cause.message }, { cause }))
    })
  })
  socket.on('error', () => {})
  const answers = readMessages(socket)
  return {
    async request(message) {
      socket.write(string(message))
      const answer = await answers.next()
      return answer.done === true ? refusal : answer.value
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The messages of a connection; ends at its end, and at one that is longer than any can be. */
export async function* readMessages(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0)
      if (length > longestMessage) return undefined
      if (rest.length < 4 + length) break
      yield rest.subarray(4, 4 + length)
      rest = rest.subarray(4 + length)
    }
  }
  return undefined
}
