import type { Images } from '../../images/images.ts'
import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { jsonLines } from '../http/json-lines.ts'
import { platformWish } from '../http/platform.ts'
import { registryAuth } from '../http/registry-auth.ts'
import type { ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'
import { joinName } from './write.ts'

type Parts = Pick<ServedEngine, 'images' | 'withLogins'>

async function createImage(request: ApiRequest, parts: Parts): Promise<ApiResponse> {
  const { query } = request
  if (query.text('fromImage') !== '') return pullImage(request, parts)
  if (query.text('fromSrc') === '-') return importImage(request, parts)
  const feature =
    query.text('fromSrc') === '' ? 'create without fromImage or fromSrc' : 'fromSrc with an address'
  throw failure('NOT_IMPLEMENTED', { feature })
}

async function pullImage({ query, headers, signal }: ApiRequest, parts: Parts): Promise<ApiResponse> {
  const name = joinName(query.text('fromImage'), query.text('tag'))
  const reference = parseReference(name)
  const allTags = reference.tag === undefined && reference.digest === undefined
  const platform = platformWish(query.text('platform'))
  return jsonLines(({ line, progress }) =>
    withImages(parts, headers, async (images) => {
      const results = await images.pull(name, { signal, allTags, ...platform, onProgress: progress })
      const what = familiarReference(allTags ? reference : withDefaultTag(reference))
      const changed = results.some((result) => result.changed)
      line({
        status: `Status: ${changed ? 'Downloaded newer image for' : 'Image is up to date for'} ${what}`,
      })
    }),
  )
}

async function importImage({ query, body, signal }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const reference = joinName(query.text('repo'), query.text('tag'))
  return jsonLines(async ({ line }) => {
    const id = await images.import(body, {
      signal,
      message: query.text('message') || 'Imported from -',
      changes: query.list('changes'),
      ...(reference !== '' && { reference }),
      ...platformWish(query.text('platform')),
    })
    line({ status: id })
  })
}

async function pushImage({ name, query, headers, signal }: ApiRequest, parts: Parts): Promise<ApiResponse> {
  const reference = parseReference(joinName(name, query.text('tag')))
  if (reference.digest !== undefined) throw failure('PUSH_BY_DIGEST', {})
  const allTags = reference.tag === undefined
  const platform = platformWish(query.text('platform'))
  const { registry, repository } = reference
  return jsonLines(({ line, progress }) =>
    withImages(parts, headers, async (images) => {
      line({ status: `The push refers to repository [${registry}/${repository}]` })
      const full = joinName(name, query.text('tag'))
      const results = await images.push(full, { signal, allTags, ...platform, onProgress: progress })
      for (const { tag, digest, size } of results) {
        line({ status: `${tag}: digest: ${digest} size: ${size}` })
        line({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } })
      }
    }),
  )
}

/** With the login that came with the request; without one those of this machine's user count. */
async function withImages(
  { images, withLogins }: Parts,
  headers: ApiRequest['headers'],
  work: (images: Images) => Promise<void>,
): Promise<void> {
  const logins = registryAuth(headers)
  if (logins === undefined) return await work(images)
  await using own = withLogins(logins)
  await work(own.images)
}

async function loadImages({ query, body, signal }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  return jsonLines(async ({ line, progress }) => {
    const loaded = await images.load(body, {
      signal,
      ...platformWish(query.text('platform')),
      ...(!query.flag('quiet') && { onProgress: progress }),
    })
    for (const image of loaded) {
      line({ stream: 'name' in image ? `Loaded image: ${image.name}\n` : `Loaded image ID: ${image.id}\n` })
    }
  })
}

async function saveImages({ name, query, signal }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const names = name === '' ? query.list('names').flatMap((list) => list.split(',')) : [name]
  if (names.length === 0) throw failure('INVALID_ARGUMENT', { reason: 'no image names given' })
  const platform = platformWish(query.text('platform'))
  return {
    kind: 'stream',
    contentType: 'application/x-tar',
    write: (output) => images.save(names, output, { signal, ...platform }),
  }
}

export const routes: readonly Route<'images' | 'withLogins'>[] = [
  { method: 'POST', path: '/images/create', handle: createImage },
  { method: 'POST', path: '/images/load', handle: loadImages },
  { method: 'GET', path: '/images/get', handle: saveImages },
  { method: 'GET', path: '/images/{name...}/get', handle: saveImages },
  { method: 'POST', path: '/images/{name...}/push', handle: pushImage },
]
