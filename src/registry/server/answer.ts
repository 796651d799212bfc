import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Caller } from './access/caller.ts'
import type { ReportedEvent } from './operations/observer.ts'
import type { RepositoryNotes } from './search/repository-notes.ts'
import type { RegistryStorage } from './storage.ts'

/** A request, after its path was split and its caller was let in. */
export interface RegistryRequest {
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
  /** Bytes of the body; undefined when its end tells. */
  readonly bodyLength: number | undefined
  readonly caller: Caller
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** For HEAD it is left out by the server. */
  readonly body?: Buffer | string | Readable
}

export interface EndpointContext {
  readonly storage: RegistryStorage
  readonly allowDelete: boolean
  readonly notes: RepositoryNotes
  /** Says what was done, once it is. */
  readonly report: (event: ReportedEvent) => void
}

/** What the path's placeholders hold; checked by the endpoint before any use. */
export type PathParts = Readonly<Record<string, string>>

export type Endpoint = (
  request: RegistryRequest,
  parts: PathParts,
  context: EndpointContext,
) => Promise<Answer>

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  }
}
