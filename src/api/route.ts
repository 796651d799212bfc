import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Engine } from '../engine/engine.ts'
import type { Attached } from './containers/attached.ts'
import type { Execs } from './exec/execs.ts'
import type { Query } from './http/query.ts'
import type { ApiResponse } from './http/response.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

/** One request, after its path was split and its version checked. */
export interface ApiRequest {
  readonly method: Method
  /** What stood at the placeholder of the route's path, decoded; empty without one. */
  readonly name: string
  readonly query: Query
  readonly headers: IncomingHttpHeaders
  /** Of API 1.44: 44. Without a version in the path the newest. */
  readonly version: number
  readonly body: Readable
  /** The client asked for the raw connection (`Connection: Upgrade`). */
  readonly upgrade: boolean
  /** Fires when the client is gone or the server stops. */
  readonly signal: AbortSignal
}

/** The engine, and what a server keeps between requests. */
export interface ServedEngine extends Engine {
  readonly execs: Execs
  readonly attached: Attached
}

/** One endpoint. `Needs` are the parts of the engine that it uses. */
export interface Route<Needs extends keyof ServedEngine = keyof ServedEngine> {
  readonly method: Method
  /** `{name}` stands for one part of the path, `{name...}` for several. */
  readonly path: `/${string}`
  /** API version that brought it; to older clients it is not there. */
  readonly since?: `1.${number}`
  handle(request: ApiRequest, engine: Pick<ServedEngine, Needs>): Promise<ApiResponse>
}
