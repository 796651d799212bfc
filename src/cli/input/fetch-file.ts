import type { Readable } from 'node:stream'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'

/**
 * The bytes behind a http or https address, on any port (fetch refuses those that browsers block), through the proxy that
 * the environment names. A login in the address is sent to its own origin only. CLI_FAILED, the password hidden.
 */
export async function fetchFile(text: string, signal: AbortSignal): Promise<Readable> {
  if (!URL.canParse(text))
    throw failure('CLI_FAILED', { reason: `${hidePasswords(text)} is no address to fetch from` })
  const url = new URL(text)
  const authorization = loginHeader(url)
  url.username = ''
  url.password = ''
  const wrong = (reason: string, cause?: unknown): Error =>
    failure('CLI_FAILED', { reason: `cannot fetch ${url.href}: ${reason}` }, { cause })
  // here, not above: no other command shall pay for loading it
  const { Exchange } = await import('../../registry/client/exchange.ts')
  const exchange = new Exchange({
    connectTimeout: 30_000,
    stallTimeout: 60_000,
    isInsecure: () => false,
  })
  const { status, body } = await exchange
    .send(url, { authorization, signal })
    .catch(async (cause: unknown) => {
      await exchange[Symbol.asyncDispose]()
      if (!isMilleError(cause, 'REGISTRY_UNREACHABLE', 'REGISTRY_REDIRECT_REFUSED')) throw cause
      throw wrong(String(cause.details['reason']), cause)
    })
  body.once('close', () => void exchange[Symbol.asyncDispose]())
  if (status === 200) return body
  body.destroy()
  throw wrong(`status ${status}`)
}

function loginHeader({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(login).toString('base64')}`
}
