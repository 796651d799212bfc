import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { Project } from './project.ts'
import type { Service } from './service.ts'

export function isEnabled({ profiles = [] }: Service, active: readonly string[]): boolean {
  return profiles.length === 0 || active.includes('*') || profiles.some((profile) => active.includes(profile))
}

/** The services, and with `dependencies` all that they depend on. COMPOSE_NO_SERVICE. */
export function withDependencies(project: Project, names: readonly string[]): string[] {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    for (const [other, { required }] of Object.entries(getService(project, name).depends_on ?? {})) {
      if (required || Object.hasOwn(project.services, other)) visit(other)
    }
  }
  for (const name of names) visit(name)
  return [...found]
}

/** The services, and those that begin anew with them: `depends_on` with `restart: true`. */
export function withDependents(project: Project, names: readonly string[]): string[] {
  for (const name of names) getService(project, name)
  const found = new Set(names)
  let before = -1
  while (found.size > before) {
    before = found.size
    for (const [name, { depends_on = {} }] of Object.entries(project.services)) {
      if (Object.entries(depends_on).some(([other, { restart }]) => restart === true && found.has(other)))
        found.add(name)
    }
  }
  return [...found]
}

export function getService(project: Project, name: string): Service {
  const service = Object.hasOwn(project.services, name) ? project.services[name] : undefined
  if (service !== undefined) return service
  const near = suggest(name, Object.keys(project.services))
  throw failure('COMPOSE_NO_SERVICE', { name, hint: near === undefined ? '' : ` (did you mean ${near}?)` })
}

/** The project with these services alone, and of the rest what they use. */
export function selectServices(project: Project, names: readonly string[]): Project {
  const services = Object.fromEntries(names.toSorted().map((name) => [name, getService(project, name)]))
  const used = Object.values(services)
  const networks = new Set(used.flatMap(({ networks = {} }) => Object.keys(networks)))
  const volumes = new Set(
    used.flatMap(({ volumes = [] }) =>
      volumes.flatMap(({ type, source }) => (type === 'volume' && source !== undefined ? [source] : [])),
    ),
  )
  const secrets = new Set(
    used.flatMap(({ secrets = [], build }) =>
      [...secrets, ...(build?.secrets ?? [])].map(({ source }) => source),
    ),
  )
  const configs = new Set(used.flatMap(({ configs = [] }) => configs.map(({ source }) => source)))
  return {
    ...project,
    services,
    networks: only(project.networks, networks),
    volumes: only(project.volumes, volumes),
    secrets: only(project.secrets, secrets),
    configs: only(project.configs, configs),
  }
}

function only<Value>(
  values: Readonly<Record<string, Value>>,
  names: ReadonlySet<string>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}
