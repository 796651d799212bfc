import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../engine/engine.ts'
import type { ResourceUsage } from '../../runtime/limits/resource-counters.ts'
import { isMilleError } from '../../util/errors.ts'
import { toContainerStats } from '../convert/container-stats.ts'
import { json, send, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

/** Milliseconds between two looks. */
const interval = 1000

async function showStats(
  { name, query, signal }: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  const container = await containers.inspect(name)
  const { id } = container
  if (!query.flag('stream', true)) {
    // rates come of two looks; with `one-shot` a client does without them
    const before = query.flag('one-shot') ? undefined : await containers.usage(id)
    if (before !== undefined) await sleep(interval, undefined, { signal })
    return json(toContainerStats(container, await containers.usage(id), before))
  }
  return {
    kind: 'stream',
    contentType: 'application/json',
    headFirst: true,
    async write(output) {
      for (let before: ResourceUsage | undefined, now; !signal.aborted; before = now) {
        now = await containers.usage(id).catch(noneOfGone)
        if (!(await send(output, `${JSON.stringify(toContainerStats(container, now, before))}\n`))) return
        await sleep(interval, undefined, { signal }).catch(() => undefined)
      }
    },
  }
}

function noneOfGone(error: unknown): undefined {
  if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'GET', path: '/containers/{id}/stats', handle: showStats },
]
