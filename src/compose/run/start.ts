import { setTimeout as sleep } from 'node:timers/promises'
import { failure, isMilleError } from '../../util/errors.ts'
import type { Dependency, Service } from '../model/service.ts'
import type { Project } from '../model/project.ts'
import { runHooks } from './hooks.ts'
import { listContainers, type Observed, ofService } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/** Starts the containers of a service that do not run, once what it depends on is as it wants it. COMPOSE_FAILED. */
export async function startService(
  parts: ComposeParts,
  project: Project,
  name: string,
  options: { readonly waitsForDependencies?: boolean } = {},
): Promise<void> {
  const service = project.services[name] ?? {}
  const containers = ofService(await listContainers(parts, project.name), name)
  const idle = containers.filter(
    ({ details }) => !['running', 'paused', 'restarting'].includes(details.state.status),
  )
  if (idle.length === 0) return
  if (options.waitsForDependencies !== false) await waitForDependencies(parts, project, name, service)
  for (const container of idle) await startContainer(parts, container, service)
}

export async function startContainer(
  parts: ComposeParts,
  { id, name }: Pick<Observed, 'id' | 'name'>,
  service: Service,
): Promise<void> {
  parts.report('Container', name, 'Starting')
  try {
    await parts.engine.containers.start(id)
  } catch (error) {
    if (!isMilleError(error, 'CONTAINER_ALREADY_STARTED')) throw error
  }
  await runHooks(parts, id, service.post_start ?? [])
  parts.report('Container', name, 'Started')
}

/** COMPOSE_FAILED names the one that will not be as it is wanted. */
export async function waitForDependencies(
  parts: ComposeParts,
  project: Project,
  name: string,
  service: Service,
): Promise<void> {
  const needs = Object.entries(service.depends_on ?? {})
  await Promise.all(
    needs.map(async ([other, dependency]) => {
      if (dependency.condition === 'service_started' || !Object.hasOwn(project.services, other)) return
      const containers = ofService(await listContainers(parts, project.name), other)
      try {
        await Promise.all(containers.map((container) => waitForCondition(parts, container, dependency)))
      } catch (error) {
        if (dependency.required || !isMilleError(error, 'COMPOSE_FAILED')) throw error
        parts.warn(`optional dependency "${other}" of "${name}" failed: ${error.message}`)
      }
    }),
  )
}

async function waitForCondition(
  parts: ComposeParts,
  { id, name }: Observed,
  { condition }: Dependency,
): Promise<void> {
  parts.report('Container', name, 'Waiting')
  if (condition === 'service_healthy') {
    await waitHealthy(parts, id, name)
    parts.report('Container', name, 'Healthy')
    return
  }
  const code = await parts.engine.containers.wait(id, { signal: parts.signal })
  if (code !== 0) {
    parts.report('Container', name, 'service "' + name + '" didn\'t complete successfully: exit ' + code)
    throw failure('COMPOSE_FAILED', {
      reason: `service "${name}" didn't complete successfully: exit ${code}`,
    })
  }
  parts.report('Container', name, 'Exited')
}

/** Milliseconds between two looks. */
const pause = 100

/** COMPOSE_FAILED when it is found unhealthy, ends, or has no health check. */
export async function waitHealthy({ engine, signal }: ComposeParts, id: string, name: string): Promise<void> {
  for (;;) {
    const { state } = await engine.containers.inspect(id)
    if (state.status !== 'running' && state.status !== 'paused' && state.status !== 'restarting')
      throw failure('COMPOSE_FAILED', {
        reason: `dependency failed to start: container ${name} exited (${state.exitCode})`,
      })
    if (state.health === undefined && state.status === 'running')
      throw failure('COMPOSE_FAILED', {
        reason: `dependency failed to start: container ${name} has no healthcheck configured`,
      })
    if (state.health?.status === 'healthy') return
    if (state.health?.status === 'unhealthy')
      throw failure('COMPOSE_FAILED', {
        reason: `dependency failed to start: container ${name} is unhealthy`,
      })
    await sleep(pause, undefined, { signal })
  }
}
