import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { given } from '../convert/given.ts'
import { toRemovalWire } from '../convert/image-summary.ts'
import { parsePruneFilters } from '../convert/prune-filters.ts'
import { readJson } from '../http/json-body.ts'
import { platformWish } from '../http/platform.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

type Parts = Pick<Engine, 'images'>

async function tagImage({ name, query }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  await images.tag(name, joinName(query.text('repo'), query.text('tag')))
  return { kind: 'plain', status: 201 }
}

/** A tag stands apart in older forms of these calls, a digest too. */
export function joinName(repository: string, tag: string): string {
  if (tag === '') return repository
  return tag.includes(':') ? `${repository}@${tag}` : `${repository}:${tag}`
}

async function removeImage({ name, query }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const lines = await images.remove(name, {
    force: query.flag('force'),
    prune: !query.flag('noprune'),
    ...platformWish(query.text('platforms')),
  })
  return json(lines.map(toRemovalWire))
}

async function pruneImages({ query }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const known = ['dangling', 'label', 'label!', 'until']
  const { label, notLabel, until, dangling } = parsePruneFilters(query.filters(), known)
  const { removed, reclaimed } = await images.prune({
    ...given({ label, notLabel, until }),
    all: dangling === false,
  })
  return json({
    ImagesDeleted: removed.length === 0 ? null : removed.map(toRemovalWire),
    SpaceReclaimed: reclaimed,
  })
}

/** Of a config that a client sends, only what is empty can be taken: changes are the way to say more. */
const commitFields = {
  Cmd: 'words',
  Entrypoint: 'words',
  Env: ['text'],
  Labels: ['map', 'text'],
  User: 'text',
  WorkingDir: 'text',
} as const

async function commitContainer(
  request: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  const { query } = request
  const config = (await readJson(request, commitFields)) ?? {}
  const given = Object.entries(config).find(([, value]) => Object.keys(value).length > 0)
  if (given !== undefined)
    throw failure('NOT_IMPLEMENTED', { feature: `commit with ${given[0]}: use changes, which` })
  const reference = joinName(query.text('repo'), query.text('tag'))
  const id = await containers.commit(query.text('container'), {
    changes: query
      .list('changes')
      .flatMap((text) => text.split('\n'))
      .filter(Boolean),
    pause: query.flag('pause', true),
    ...(reference !== '' && { reference }),
    ...(query.text('author') !== '' && { author: query.text('author') }),
    ...(query.text('comment') !== '' && { message: query.text('comment') }),
  })
  return json({ Id: id }, 201)
}

export const routes: readonly Route<'images' | 'containers'>[] = [
  { method: 'POST', path: '/images/prune', handle: pruneImages },
  { method: 'POST', path: '/images/{name...}/tag', handle: tagImage },
  { method: 'DELETE', path: '/images/{name...}', handle: removeImage },
  { method: 'POST', path: '/commit', handle: commitContainer },
]
