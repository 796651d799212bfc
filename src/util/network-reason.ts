import { getSystemErrorMessage } from 'node:util'

/** What Node and undici say by a code of their own, in words. */
const words: Readonly<Record<string, string>> = {
  UND_ERR_BODY_TIMEOUT: 'the answer stalled',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_SOCKET: 'the connection was closed',
}

interface NetworkError extends NodeJS.ErrnoException {
  readonly hostname?: string
  readonly address?: string
  readonly port?: number
}

/** Why a network call failed, in one line without Node's codes: `connection refused (127.0.0.1:5000)`. */
export function networkReason(error: unknown): string {
  // a name with several addresses fails with one error for each
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return String(first)
  const { code = '', errno, syscall, hostname, address, port, message }: NetworkError = first
  if (code === 'ENOTFOUND') return `no such host: ${hostname ?? ''}`
  if (code === 'EAI_AGAIN') return `${hostname ?? ''}: the name server does not answer`
  const said = words[code] ?? (errno === undefined ? undefined : getSystemErrorMessage(errno))
  if (said === undefined) return message || code
  return syscall === 'connect' && address !== undefined ? `${said} (${address}${portText(port)})` : said
}

function portText(port: number | undefined): string {
  return port === undefined ? '' : `:${port}`
}
