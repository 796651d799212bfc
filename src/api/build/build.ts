import type { Builder, BuildResult } from '../../builder/build.ts'
import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { parsePruneFilters } from '../convert/prune-filters.ts'
import { jsonLines, type SendLine } from '../http/json-lines.ts'
import { registryConfig } from '../http/registry-auth.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'
import { toBuildWish } from './build-wish.ts'
import { stepLines } from './step-lines.ts'

type Parts = Pick<ServedEngine, 'builder' | 'withLogins'>

async function buildImage(request: ApiRequest, { builder, withLogins }: Parts): Promise<ApiResponse> {
  const wish = toBuildWish(request)
  const { signal, query } = request
  const logins = registryConfig(request.headers)
  return jsonLines(async ({ line }) => {
    await using own = logins === undefined ? undefined : withLogins(logins)
    const view = stepLines(query.flag('q') ? () => undefined : line)
    const result = await build(
      own?.builder ?? builder,
      wish,
      { signal, onEvent: (event) => view.onEvent(event) },
      line,
    )
    view.finish()
    tellResult(result, query.flag('q'), line)
  })
}

/** Where a step fails, the lines of the Dockerfile are told as output, and the error as Docker words it. */
async function build(
  builder: Builder,
  wish: Parameters<Builder['build']>[0],
  options: NonNullable<Parameters<Builder['build']>[1]>,
  line: SendLine,
): Promise<BuildResult> {
  try {
    return await builder.build(wish, options)
  } catch (error) {
    if (!isMilleError(error, 'STEP_FAILED')) throw error
    const { command, exitCode } = error.details
    if (typeof command !== 'string' || typeof exitCode !== 'number') throw error
    line({ stream: `${error.message}\n` })
    const text = `The command '${command}' returned a non-zero code: ${exitCode}`
    throw failure('STEP_FAILED', { text }, { cause: error, details: { exitCode } })
  }
}

function tellResult({ id, names }: BuildResult, quiet: boolean, line: SendLine): void {
  if (quiet) return line({ stream: `${id}\n` })
  line({ aux: { ID: id } })
  line({ stream: `Successfully built ${id.slice('sha256:'.length, 'sha256:'.length + 12)}\n` })
  for (const name of names) {
    line({ stream: `Successfully tagged ${familiarReference(withDefaultTag(parseReference(name)))}\n` })
  }
}

async function pruneCache({ query }: ApiRequest, { builder }: Parts): Promise<ApiResponse> {
  const { until } = parsePruneFilters(query.filters(), ['until'])
  const reservedSpace = query.whole('reserved-space') ?? query.whole('keep-storage')
  const { removed, reclaimed } = await builder.prune({
    all: query.flag('all'),
    ...(until !== undefined && { matches: (row) => row.lastUsedAt < until }),
    ...(reservedSpace && { reservedSpace }),
    ...(query.whole('max-used-space') && { maxUsedSpace: query.whole('max-used-space') ?? 0 }),
    ...(query.whole('min-free-space') && { minFreeSpace: query.whole('min-free-space') ?? 0 }),
  })
  return json({
    CachesDeleted: removed.length === 0 ? null : removed.map(({ id }) => id),
    SpaceReclaimed: reclaimed,
  })
}

export const routes: readonly Route<'builder' | 'withLogins'>[] = [
  { method: 'POST', path: '/build', handle: buildImage },
  { method: 'POST', path: '/build/prune', handle: pruneCache },
]
