import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** GitHub's cache of Actions, version 2, as its public client and Azure's storage describe it. */
export interface ActionsCacheServer extends AsyncDisposable {
  /** `ACTIONS_RESULTS_URL` */
  readonly url: string
  /** `ACTIONS_RUNTIME_TOKEN` */
  readonly token: string
  /** Begins every signature of a URL. */
  readonly signature: string
  /** Finished entries, oldest first. */
  keys(): string[]
  /** Requests so far: `METHOD path`, without signatures. */
  readonly requests: string[]
  /** Answers before the server does when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean
}

interface Entry {
  readonly key: string
  readonly version: string
  readonly blocks: Map<string, Buffer>
  bytes?: Buffer
  isFinal: boolean
}

interface Message {
  readonly key: string
  readonly version: string
  readonly restore_keys?: readonly string[]
  readonly size_bytes?: string
}

const service = '/twirp/github.actions.results.api.v1.CacheService/'

export async function startActionsCacheServer(): Promise<ActionsCacheServer> {
  const [token, signature] = ['runtime-token-77', 'signed-99']
  const entries: Entry[] = []
  const requests: string[] = []
  const send = (response: ServerResponse, status: number, body: object | Buffer = {}): void => {
    response.writeHead(status).end(Buffer.isBuffer(body) ? body : JSON.stringify(body))
  }
  const urlOf = (entry: Entry): string => `${made.url}storage/${entries.indexOf(entry)}?sig=${signature}`

  const call = (method: string, { key, version, ...rest }: Message, response: ServerResponse): void => {
    const known = entries.find((one) => one.key === key && one.version === version)
    if (method === 'CreateCacheEntry') {
      if (known !== undefined) return send(response, 409, { code: 'already_exists', msg: 'it is there' })
      const entry = { key, version, blocks: new Map<string, Buffer>(), isFinal: false }
      entries.push(entry)
      return send(response, 200, { ok: true, signed_upload_url: urlOf(entry) })
    }
    if (method === 'FinalizeCacheEntryUpload') {
      const isWhole = known?.bytes !== undefined && String(known.bytes.length) === rest.size_bytes
      if (known !== undefined && isWhole) known.isFinal = true
      return send(response, 200, { ok: isWhole, entry_id: '1' })
    }
    const fits = (one: Entry): boolean => one.isFinal && one.version === version
    const prefixes = rest.restore_keys ?? []
    const found =
      entries.find((one) => fits(one) && one.key === key) ??
      entries.findLast((one) => fits(one) && prefixes.some((prefix) => one.key.startsWith(prefix)))
    if (found === undefined) return send(response, 200, { ok: false })
    send(response, 200, { ok: true, signed_download_url: urlOf(found), matched_key: found.key })
  }

  const store = async (url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entry = entries[Number(url.pathname.split('/').at(-1))]
    if (entry === undefined || url.searchParams.get('sig') !== signature) return send(response, 403)
    if (request.method === 'GET') return send(response, 200, entry.bytes)
    const body = await buffer(request)
    if (url.searchParams.get('comp') === 'block') {
      entry.blocks.set(url.searchParams.get('blockid') ?? '', body)
      return send(response, 201)
    }
    const ids = [...body.toString().matchAll(/<Latest>([^<]*)<\/Latest>/g)].map(([, id = '']) => id)
    if (!ids.every((id) => entry.blocks.has(id))) return send(response, 400)
    entry.bytes = Buffer.concat(ids.map((id) => entry.blocks.get(id) ?? Buffer.alloc(0)))
    send(response, 201)
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    requests.push(`${request.method} ${url.pathname}`)
    if (made.intercept(request, response)) return
    if (!url.pathname.startsWith(service)) return void store(url, request, response)
    if (request.headers.authorization !== `Bearer ${token}`)
      return send(response, 401, { code: 'unauthenticated', msg: 'bad token' })
    void buffer(request).then((body) =>
      call(url.pathname.slice(service.length), JSON.parse(body.toString()) as Message, response),
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const made: ActionsCacheServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    token,
    signature,
    keys: () => entries.filter(({ isFinal }) => isFinal).map(({ key }) => key),
    requests,
    intercept: () => false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
  return made
}
