import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { Project } from './project.ts'
import type { Service } from './service.ts'

function wrong(reason: string): Error {
  return failure('COMPOSE_PROJECT_INVALID', { reason })
}

/** COMPOSE_PROJECT_INVALID: something named does not exist, two settings exclude each other, or services wait for each other. */
export function checkProject(project: Project, networks: readonly string[]): void {
  for (const [name, service] of Object.entries(project.services)) {
    checkService(name, service)
    const known = { networks: [...networks, 'default'], volumes: Object.keys(project.volumes) }
    checkNames(name, 'network', Object.keys(service.networks ?? {}), known.networks)
    const mounted = (service.volumes ?? []).flatMap(({ type, source }) =>
      type === 'volume' && source !== undefined ? [source] : [],
    )
    checkNames(name, 'volume', mounted, known.volumes)
    const secrets = [...(service.secrets ?? []), ...(service.build?.secrets ?? [])].map(
      ({ source }) => source,
    )
    checkNames(name, 'secret', secrets, Object.keys(project.secrets))
    checkNames(
      name,
      'config',
      (service.configs ?? []).map(({ source }) => source),
      Object.keys(project.configs),
    )
    checkDependencies(name, service, project)
  }
  checkContainerNames(project)
  checkCycles(project)
}

function checkNames(service: string, kind: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (known.includes(name)) continue
    const near = suggest(name, known)
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    throw wrong(`service "${service}" refers to undefined ${kind} ${name}${hint}`)
  }
}

function checkService(name: string, service: Service): void {
  const { image, build, provider, network_mode, networks, deploy, scale, container_name, platform } = service
  if (image === undefined && build === undefined && provider === undefined)
    throw wrong(`service "${name}" has neither an image nor a build context specified`)
  if (build?.dockerfile !== undefined && build.dockerfile_inline !== undefined)
    throw wrong(`service "${name}" declares mutual exclusive dockerfile and dockerfile_inline`)
  const { platforms = [] } = build ?? {}
  if (platform !== undefined && platforms.length > 0 && !platforms.includes(platform))
    throw wrong(`service.build.platforms MUST include service.platform "${platform}"`)
  if (network_mode !== undefined && networks !== undefined)
    throw wrong(`service ${name} declares mutually exclusive \`network_mode\` and \`networks\``)
  if (network_mode?.startsWith('service:') === true && network_mode === `service:${name}`)
    throw wrong(`service "${name}" can't use its own network`)
  const { limits, reservations } = deploy?.resources ?? {}
  checkEqual(name, 'cpus', service.cpus, 'deploy.resources.limits.cpus', limits?.cpus)
  checkEqual(name, 'mem_limit', service.mem_limit, 'deploy.resources.limits.memory', limits?.memory)
  checkEqual(
    name,
    'mem_reservation',
    service.mem_reservation,
    'deploy.resources.reservations.memory',
    reservations?.memory,
  )
  checkEqual(name, 'pids_limit', service.pids_limit, 'deploy.resources.limits.pids', limits?.pids)
  checkEqual(name, 'scale', scale, 'deploy.replicas', deploy?.replicas)
  const count = scale ?? deploy?.replicas ?? 1
  if (container_name !== undefined && count > 1)
    throw wrong(`services.${name}: can't set container_name and ${name} as container name must be unique`)
}

function checkEqual(service: string, one: string, first: unknown, other: string, second: unknown): void {
  if (first !== undefined && second !== undefined && first !== second)
    throw wrong(`services.${service}: can't set distinct values on '${one}' and '${other}'`)
}

function checkDependencies(name: string, service: Service, project: Project): void {
  for (const [other, { required }] of Object.entries(service.depends_on ?? {})) {
    if (!required || Object.hasOwn(project.services, other)) continue
    const disabled = Object.hasOwn(project.disabled, other) ? project.disabled[other] : undefined
    if (disabled !== undefined) {
      const profiles = (disabled.profiles ?? []).join(' ')
      throw wrong(
        `service "${other}" is required by "${name}" but is disabled. Can be enabled by profiles [${profiles}]`,
      )
    }
    const near = suggest(other, Object.keys(project.services))
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    throw wrong(`service "${name}" depends on undefined service "${other}"${hint}`)
  }
}

function checkContainerNames({ services }: Project): void {
  const owners = new Map<string, string>()
  for (const [name, { container_name }] of Object.entries(services)) {
    if (container_name === undefined) continue
    const other = owners.get(container_name)
    if (other !== undefined)
      throw wrong(
        `services.${name}: container name "${container_name}" is already in use by "services.${other}"`,
      )
    owners.set(container_name, name)
  }
}

function checkCycles({ services }: Project): void {
  const done = new Set<string>()
  const visit = (name: string, chain: readonly string[]): void => {
    if (chain.includes(name))
      throw failure('COMPOSE_FAILED', {
        reason: `dependency cycle detected: ${[...chain.slice(chain.indexOf(name)), name].join(' -> ')}`,
      })
    if (done.has(name)) return
    for (const other of Object.keys(services[name]?.depends_on ?? {})) visit(other, [...chain, name])
    done.add(name)
  }
  for (const name of Object.keys(services).sort()) visit(name, [])
}
