import { randomBytes } from 'node:crypto'
import type { ContainerWish, MountRequest, PortRequest } from '../../containers/containers.ts'
import type { Project, Service } from '../model/project.ts'
import { writeGivenFiles } from './given-files.ts'
import { containerLabels } from './labels.ts'
import { listContainers, ofService } from './observed.ts'
import type { ComposeParts } from './parts.ts'
import { serviceRequest } from './service-request.ts'

/** What `run` says over what the service says. */
export interface OneOffOptions {
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly env: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly mounts: readonly MountRequest[]
  readonly ports: readonly PortRequest[]
  readonly servicePorts: boolean
  readonly useAliases: boolean
  readonly name?: string | undefined
  readonly user?: string | undefined
  readonly workingDir?: string | undefined
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
  readonly autoRemove: boolean
  readonly imageId: string
}

/** Makes a container of the service for one command; it is no part of what `up` looks after. Resolves with its ID. */
export async function createOneOff(
  parts: ComposeParts,
  project: Project,
  name: string,
  options: OneOffOptions,
): Promise<string> {
  const service: Service = project.services[name] ?? {}
  const all = await listContainers(parts, project.name)
  const request = await serviceRequest(project, name, service, {
    containerOf: (other) => ofService(all, other)[0]?.id ?? other,
  })
  const slug = randomBytes(6).toString('hex')
  const labels = containerLabels(project, name, service, {
    number: 1,
    imageId: options.imageId,
    oneOff: slug,
  })
  const over = new Set(options.mounts.map(({ target }) => target))
  const { restartPolicy: _, endpoints, ...kept } = request
  const wish: ContainerWish = {
    ...kept,
    name: options.name ?? `${project.name}-${name}-run-${slug}`,
    env: [...(request.env ?? []), ...options.env],
    labels: { ...labels, ...options.labels },
    mounts: [...(request.mounts ?? []).filter(({ target }) => !over.has(target)), ...options.mounts],
    ports: [...(options.servicePorts ? (request.ports ?? []) : []), ...options.ports],
    capAdd: [...(request.capAdd ?? []), ...options.capAdd],
    capDrop: [...(request.capDrop ?? []), ...options.capDrop],
    ...(endpoints !== undefined && { endpoints: options.useAliases ? endpoints : withoutAliases(endpoints) }),
    tty: options.tty,
    openStdin: options.stdin,
    autoRemove: options.autoRemove,
    ...(options.command !== undefined && { command: options.command }),
    ...(options.entrypoint !== undefined && { entrypoint: options.entrypoint }),
    ...(options.user !== undefined && { user: options.user }),
    ...(options.workingDir !== undefined && { workingDir: options.workingDir }),
  }
  const { id, warnings } = await parts.engine.containers.create(wish)
  for (const warning of warnings) parts.warn(warning)
  await writeGivenFiles(parts, id, project, service)
  return id
}

/** The service's containers alone answer to its names. */
function withoutAliases(
  endpoints: NonNullable<ContainerWish['endpoints']>,
): NonNullable<ContainerWish['endpoints']> {
  return Object.fromEntries(
    Object.entries(endpoints).map(([network, { aliases: _a, ip: _i, ip6: _6, mac: _m, ...rest }]) => [
      network,
      rest,
    ]),
  )
}
