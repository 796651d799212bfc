import type { ListenAddress } from './registry-settings.ts'

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (all addresses), `PORT` (loopback); undefined for anything else. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$|^(\d+)$/.exec(text)
  const port = Number(match?.[3] ?? match?.[4])
  if (match === null || port > 65_535) return undefined
  const host = match[1] ?? match[2] ?? '127.0.0.1'
  return { host: host === '' ? '0.0.0.0' : host, port }
}
