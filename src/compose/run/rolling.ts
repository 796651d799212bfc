import { setTimeout as sleep } from 'node:timers/promises'
import type { PortRequest } from '../../containers/containers.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { parseDuration } from '../model/duration.ts'
import type { Project, Service } from '../model/project.ts'
import { aliasesOf } from './aliases-of.ts'
import { listContainers, type Observed, ofService } from './observed.ts'
import type { ComposeParts } from './parts.ts'
import { containerRequest, createContainer, isDiverged, type ReconcileOptions } from './reconcile.ts'
import { startContainer } from './start.ts'
import { stopContainer } from './stop.ts'

/** Milliseconds that one without a health check must have run. `deploy.update_config.monitor` says otherwise. */
const trial = 5000
/**
 * Milliseconds between the handing over and the end of the old one: who asked for its address just before still finds it, and
 * gets an answer. `deploy.update_config.delay` says otherwise.
 */
const farewell = 1000
/** Milliseconds between two looks. */
const pause = 100

/**
 * Makes containers anew that run and are not as the files say, one after the other: the new one must be healthy before it takes
 * the ports and names over and the old one stops. COMPOSE_FAILED: the new one is gone again, the old one goes on.
 */
export async function rollService(
  parts: ComposeParts,
  project: Project,
  name: string,
  options: ReconcileOptions,
): Promise<void> {
  const all = await listContainers(parts, project.name)
  const old = ofService(all, name).filter(
    (container) =>
      container.details.state.status === 'running' && isDiverged(project, container, options, all),
  )
  if (old.length > 0) checkRollable(name, project.services[name] ?? {})
  for (const container of old) await rollContainer(parts, project, container, options)
}

/** Two containers of the service run at once: what only one can have must not be asked for. */
function checkRollable(name: string, { container_name, networks = {} }: Service): void {
  const refuse = (what: string): never => {
    throw failure('COMPOSE_FAILED', {
      reason: `services.${name}.${what} can belong to one container only, and a rolling update runs two: take it away, or update without --rolling`,
    })
  }
  if (container_name !== undefined) refuse('container_name')
  for (const [network, endpoint] of Object.entries(networks)) {
    if (endpoint?.ipv4_address !== undefined) refuse(`networks.${network}.ipv4_address`)
    if (endpoint?.ipv6_address !== undefined) refuse(`networks.${network}.ipv6_address`)
    if (endpoint?.mac_address !== undefined) refuse(`networks.${network}.mac_address`)
  }
}

async function rollContainer(
  parts: ComposeParts,
  project: Project,
  old: Observed,
  options: ReconcileOptions,
): Promise<void> {
  const { containers, networks } = parts.engine
  const service = project.services[old.service] ?? {}
  const siblings = ofService(await listContainers(parts, project.name), old.service)
  const number = freeNumber(siblings)
  const id = await createContainer(parts, project, old.service, {
    number,
    images: options.images,
    replaced: old,
    renewsVolumes: options.renewsVolumes,
    isBeside: true,
  })
  const { name } = await containers.inspect(id)
  try {
    await startContainer(parts, { id, name }, service)
    parts.report('Container', name, 'Waiting')
    await proven(parts, id, service)
    parts.report('Container', name, 'Healthy')
    const { ports = [], endpoints = {} } = await containerRequest(parts, project, old.service, old)
    await networks.takeOver(id, old.id, {
      ports: ports.map((port) => asBefore(port, old)),
      aliases: aliasesOf(endpoints),
    })
  } catch (error) {
    await containers.remove(id, { force: true, volumes: true })
    parts.report('Container', name, 'Removed')
    if (isMilleError(error, 'CANCELED') || parts.signal.aborted) throw error
    throw failure(
      'COMPOSE_FAILED',
      { reason: `rolling update of ${old.name} failed, it goes on as it is: ${messageOf(error)}` },
      { cause: error },
    )
  }
  await sleep(milliseconds(service.deploy?.update_config?.delay, farewell), undefined, {
    signal: parts.signal,
  })
  await stopContainer(parts, project, old, options.timeout)
  await containers.remove(old.id, { force: true })
  parts.report('Container', old.name, 'Removed')
}

/** A port that the machine chose stays the same, when it may. */
function asBefore(port: PortRequest, { details }: Observed): PortRequest {
  const { hostPort, lastHostPort = hostPort, ...rest } = port
  const before = details.ports.find(
    ({ containerPort, protocol }) => containerPort === port.containerPort && protocol === port.protocol,
  )
  if (before === undefined) return port
  const isChosen = hostPort === 0 || (hostPort <= before.hostPort && before.hostPort <= lastHostPort)
  return isChosen ? { ...rest, hostPort: before.hostPort } : port
}

function freeNumber(siblings: readonly Observed[]): number {
  const taken = new Set(siblings.map(({ number }) => number))
  let number = 1
  while (taken.has(number)) number += 1
  return number
}

/** Resolves when it is healthy, or has run long enough where nothing tells. COMPOSE_FAILED. */
async function proven({ engine, signal, now }: ComposeParts, id: string, service: Service): Promise<void> {
  const enough = now() + milliseconds(service.deploy?.update_config?.monitor, trial)
  for (;;) {
    const { name, state, restartCount } = await engine.containers.inspect(id)
    if (state.status !== 'running' || restartCount > 0)
      throw failure('COMPOSE_FAILED', { reason: `container ${name} exited (${state.exitCode})` })
    if (state.health?.status === 'unhealthy')
      throw failure('COMPOSE_FAILED', { reason: `container ${name} is unhealthy` })
    if (state.health?.status === 'healthy' || (state.health === undefined && now() >= enough)) return
    await sleep(pause, undefined, { signal })
  }
}

function milliseconds(duration: string | undefined, standard: number): number {
  return duration === undefined ? standard : Number(parseDuration(duration) ?? 0n) / 1e6
}
