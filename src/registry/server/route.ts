import { failure } from '../../util/errors.ts'
import type { Need } from './access/caller.ts'
import type { Right } from './access/policy.ts'
import type { Endpoint, PathParts } from './answer.ts'
import { deleteBlob, getBlob } from './blob-endpoints.ts'
import { listReferrers, listRepositories, listTags, ping } from './list-endpoints.ts'
import { deleteManifest, getManifest, putManifest } from './manifest-endpoints.ts'
import { repositoryOf } from './path-parts.ts'
import { changeStar, pingFirst, putDescription, search } from './search/search-endpoints.ts'
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './upload-endpoints.ts'

interface Route {
  readonly path: RegExp
  readonly methods: Readonly<Record<string, Action>>
  /** Nobody need log in: the endpoint looks at each repository's rights itself. */
  readonly isOpen?: boolean
}

/** What answers, and the rights on the repository of which a caller needs one; without any a login is enough. */
type Action = readonly [endpoint: Endpoint, ...rights: readonly Right[]]

export interface MatchedRoute {
  readonly endpoint: Endpoint
  readonly parts: PathParts
  /** What a caller needs to be let in. */
  readonly needs: readonly Need[]
  readonly isOpen: boolean
}

/** In this order: `uploads` is no digest. Repository names hold slashes, so the fixed words are looked for from the end. */
const routes: readonly Route[] = [
  { path: /^\/v2\/?$/, methods: { GET: [ping], HEAD: [ping] } },
  { path: /^\/v1\/_ping$/, methods: { GET: [pingFirst] }, isOpen: true },
  { path: /^\/v1\/search$/, methods: { GET: [search] }, isOpen: true },
  {
    path: /^\/v1\/repositories\/(?<repository>.*)\/description$/s,
    methods: { PUT: [putDescription, 'update'] },
  },
  {
    path: /^\/v1\/repositories\/(?<repository>.*)\/star$/s,
    methods: { PUT: [changeStar, 'read'], DELETE: [changeStar, 'read'] },
  },
  { path: /^\/v2\/_catalog$/, methods: { GET: [listRepositories] } },
  { path: /^\/v2\/(?<repository>.*)\/tags\/list$/s, methods: { GET: [listTags, 'read'] } },
  {
    path: /^\/v2\/(?<repository>.*)\/manifests\/(?<reference>[^/]*)$/s,
    methods: {
      GET: [getManifest, 'read'],
      HEAD: [getManifest, 'read'],
      PUT: [putManifest, 'create', 'update'],
      DELETE: [deleteManifest, 'delete'],
    },
  },
  {
    path: /^\/v2\/(?<repository>.*)\/referrers\/(?<digest>[^/]*)$/s,
    methods: { GET: [listReferrers, 'read'] },
  },
  {
    path: /^\/v2\/(?<repository>.*)\/blobs\/uploads\/?$/s,
    methods: { POST: [postUpload, 'create', 'update'] },
  },
  {
    path: /^\/v2\/(?<repository>.*)\/blobs\/uploads\/(?<upload>[^/]*)$/s,
    methods: {
      GET: [getUpload, 'create', 'update'],
      PATCH: [patchUpload, 'create', 'update'],
      PUT: [putUpload, 'create', 'update'],
      DELETE: [deleteUpload, 'create', 'update'],
    },
  },
  {
    path: /^\/v2\/(?<repository>.*)\/blobs\/(?<digest>[^/]*)$/s,
    methods: { GET: [getBlob, 'read'], HEAD: [getBlob, 'read'], DELETE: [deleteBlob, 'delete'] },
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
    const action = Object.hasOwn(route.methods, method) ? route.methods[method] : undefined
    if (action === undefined) {
      throw failure(
        'REGISTRY_METHOD_UNSUPPORTED',
        { method, reason: '' },
        { details: { allow: Object.keys(route.methods) } },
      )
    }
    const [endpoint, ...rights] = action
    const parts = { ...match.groups }
    return {
      endpoint,
      parts,
      needs: rights.length === 0 ? [] : [{ repository: repositoryOf(parts), rights }],
      isOpen: route.isOpen ?? false,
    }
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
