import { failure } from '../../util/errors.ts'
import type { Endpoint, PathParts } from './answer.ts'
import { deleteBlob, getBlob } from './blob-endpoints.ts'
import { listRepositories, listTags, ping } from './list-endpoints.ts'
import { deleteManifest, getManifest, putManifest } from './manifest-endpoints.ts'
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './upload-endpoints.ts'

interface Route {
  readonly path: RegExp
  readonly methods: Readonly<Record<string, Endpoint>>
  /** Reading it needs no login where anonymous pulls are allowed. */
  readonly pull?: boolean
}

export interface MatchedRoute {
  readonly endpoint: Endpoint
  readonly parts: PathParts
  readonly anonymous: boolean
}

/** In this order: `uploads` is no digest. Repository names hold slashes, so the fixed words are looked for from the end. */
const routes: readonly Route[] = [
  { path: /^\/v2\/?$/, methods: { GET: ping, HEAD: ping } },
  { path: /^\/v2\/_catalog$/, methods: { GET: listRepositories } },
  { path: /^\/v2\/(?<repository>.*)\/tags\/list$/s, methods: { GET: listTags }, pull: true },
  {
    path: /^\/v2\/(?<repository>.*)\/manifests\/(?<reference>[^/]*)$/s,
    methods: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
    pull: true,
  },
  { path: /^\/v2\/(?<repository>.*)\/blobs\/uploads\/?$/s, methods: { POST: postUpload } },
  {
    path: /^\/v2\/(?<repository>.*)\/blobs\/uploads\/(?<upload>[^/]*)$/s,
    methods: { GET: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
  },
  {
    path: /^\/v2\/(?<repository>.*)\/blobs\/(?<digest>[^/]*)$/s,
    methods: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
    pull: true,
  },
]

/**
 * The endpoint of a request. The path is decoded once, and only what comes out of that is looked at ever after (C-S1).
 * Throws REGISTRY_NAME_INVALID, REGISTRY_NO_ENDPOINT, REGISTRY_METHOD_UNSUPPORTED.
 */
export function matchRoute(method: string, rawPath: string): MatchedRoute {
  const path = decodePath(rawPath)
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match === null) continue
    const endpoint = Object.hasOwn(route.methods, method) ? route.methods[method] : undefined
    if (endpoint === undefined) {
      throw failure(
        'REGISTRY_METHOD_UNSUPPORTED',
        { method, reason: '' },
        { details: { allow: Object.keys(route.methods) } },
      )
    }
    const reads = method === 'GET' || method === 'HEAD'
    return { endpoint, parts: { ...match.groups }, anonymous: reads && route.pull === true }
  }
  if (!/^(?:\/[\w.:-]+)*\/?$/.test(path) || path.includes('..')) throw nameInvalid(path)
  throw failure('REGISTRY_NO_ENDPOINT', {})
}

function decodePath(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    throw nameInvalid(raw)
  }
}

function nameInvalid(path: string): Error {
  return failure('REGISTRY_NAME_INVALID', { name: path.slice(0, 300) })
}
