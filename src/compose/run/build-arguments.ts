import { failure } from '../../util/errors.ts'
import type { Project, Service } from '../model/project.ts'
import { imageName } from '../names.ts'
import { label } from './labels.ts'

/** A service's build as arguments of `mille build`: one language for both, and nothing that only one of them knows. */
export interface BuildArguments {
  readonly words: readonly string[]
  /** What `-f -` reads. */
  readonly dockerfile?: string
}

export interface BuildOptions {
  readonly noCache?: boolean
  readonly pull?: boolean
  readonly push?: boolean
  readonly args?: readonly string[]
  readonly ssh?: readonly string[]
  readonly memory?: string | undefined
}

/** COMPOSE_FAILED for what cannot be built as it says. */
export function buildArguments(project: Project, name: string, options: BuildOptions = {}): BuildArguments {
  const service: Service = project.services[name] ?? {}
  const { build = {}, platform } = service
  const many = (flag: string, values: readonly string[] = []): string[] =>
    values.flatMap((value) => [flag, value])
  const pairs = (flag: string, values: Readonly<Record<string, string | null>> = {}): string[] =>
    many(
      flag,
      Object.entries(values).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
    )
  const one = (flag: string, value: string | undefined): string[] =>
    value === undefined ? [] : [flag, value]
  const isOn = (flag: string, on: boolean | undefined): string[] => (on === true ? [flag] : [])
  const ownLabels = { [label.project]: project.name, [label.service]: name, [label.version]: '2.40.3' }
  const dockerfile = build.dockerfile_inline === undefined ? dockerfilePath(build) : '-'
  const words = [
    ...many('--tag', [imageName(project, name, service), ...(build.tags ?? [])]),
    ...one('--file', dockerfile),
    ...pairs('--build-arg', build.args),
    ...many('--build-arg', options.args),
    ...pairs('--label', { ...build.labels, ...ownLabels }),
    ...one('--target', build.target),
    ...many('--cache-from', build.cache_from),
    ...many('--cache-to', build.cache_to),
    ...pairs('--build-context', contexts(project, build.additional_contexts)),
    ...many('--secret', secrets(project, build.secrets)),
    ...many('--ssh', [...agents(build.ssh), ...(options.ssh ?? [])]),
    ...many(
      '--add-host',
      build.extra_hosts?.map((host) => host.replace('=', ':')),
    ),
    ...one('--network', build.network),
    ...one('--shm-size', build.shm_size),
    ...many(
      '--ulimit',
      Object.entries(build.ulimits ?? {}).map(
        ([limit, value]) => `${limit}=${typeof value === 'number' ? value : `${value.soft}:${value.hard}`}`,
      ),
    ),
    ...many('--platform', build.platforms ?? (platform === undefined ? [] : [platform])),
    ...many('--allow', [
      ...(build.entitlements ?? []),
      ...(build.privileged === true ? ['security.insecure'] : []),
    ]),
    ...many('--no-cache-filter', build.no_cache_filter),
    ...one('--provenance', build.provenance),
    ...one('--sbom', build.sbom),
    ...one('--memory', options.memory),
    ...isOn('--no-cache', options.noCache === true || build.no_cache === true),
    ...isOn('--pull', options.pull === true || build.pull === true),
    ...isOn('--push', options.push),
    build.context ?? '.',
  ]
  const inline = build.dockerfile_inline
  return { words, ...(inline !== undefined && { dockerfile: inline }) }
}

/** From the context, when that is a folder of this machine. */
function dockerfilePath({ context = '.', dockerfile = 'Dockerfile' }: NonNullable<Service['build']>): string {
  return context.startsWith('/') && !dockerfile.startsWith('/') ? `${context}/${dockerfile}` : dockerfile
}

/** The image of another service is `service:NAME`. */
function contexts(
  project: Project,
  given: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const entries = Object.entries(given).map(([name, value]) => {
    const service = value.startsWith('service:') ? value.slice('service:'.length) : undefined
    if (service === undefined) return [name, value] as const
    return [name, `docker-image://${imageName(project, service, project.services[service] ?? {})}`] as const
  })
  return Object.fromEntries(entries)
}

function secrets(project: Project, given: NonNullable<Service['build']>['secrets'] = []): string[] {
  return given.map(({ source, target = source }) => {
    const { file, environment } = project.secrets[source] ?? {}
    if (file !== undefined) return `id=${target},src=${file}`
    if (environment !== undefined) return `id=${target},env=${environment}`
    throw failure('COMPOSE_UNSUPPORTED', {
      what: `build secret ${source}`,
      reason: 'it is neither a file nor a variable',
    })
  })
}

function agents(given: Readonly<Record<string, string>> = {}): string[] {
  return Object.entries(given).map(([id, path]) => (path === '' ? id : `${id}=${path}`))
}
