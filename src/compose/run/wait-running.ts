import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../../util/errors.ts'
import type { Project } from '../model/project.ts'
import { listContainers } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/** Milliseconds between two looks. */
const pause = 100

/** Resolves when every container runs and those with health checks are healthy. `timeout` in seconds. COMPOSE_FAILED. */
export async function startedAndHealthy(
  parts: ComposeParts,
  project: Project,
  timeout: number | undefined,
): Promise<void> {
  const end = timeout === undefined ? Infinity : parts.now() + timeout * 1000
  const told = new Set<string>()
  for (;;) {
    const containers = (await listContainers(parts, project.name)).filter(({ service }) =>
      Object.hasOwn(project.services, service),
    )
    const waiting = containers.filter(({ details: { state }, name }) => {
      if (state.status === 'exited' || state.status === 'dead')
        throw failure('COMPOSE_FAILED', { reason: `container ${name} exited (${state.exitCode})` })
      if (state.health?.status === 'unhealthy')
        throw failure('COMPOSE_FAILED', { reason: `container ${name} is unhealthy` })
      const isReady =
        state.status === 'running' && (state.health === undefined || state.health.status === 'healthy')
      if (!told.has(`${name}${isReady}`)) parts.report('Container', name, isReady ? 'Healthy' : 'Waiting')
      told.add(`${name}${isReady}`)
      return !isReady
    })
    if (waiting.length === 0) return
    if (parts.now() > end)
      throw failure('COMPOSE_FAILED', {
        reason: `timeout: ${waiting.map(({ name }) => name).join(', ')} not ready in time`,
      })
    await sleep(pause, undefined, { signal: parts.signal })
  }
}
