import { stringify } from 'yaml'
import type { Build, Project } from './project.ts'
import { isMapping, type Mapping } from './shape.ts'

export interface RenderOptions {
  /** `$` is written as `$$`, so that the text can be read again. */
  readonly escapes: boolean
}

/** Mappings whose keys are the user's: sorted, as Docker prints them. */
const byName = new Set(
  'additional_contexts annotations args configs depends_on driver_opts environment labels networks options secrets services sysctls ulimits volumes'.split(
    ' ',
  ),
)

/** What `config` prints: the project by the specification's names. */
function document(project: Project, options: RenderOptions, isJson: boolean): Mapping {
  const sections = {
    services: project.services,
    networks: networks(project, isJson),
    volumes: project.volumes,
    secrets: project.secrets,
    configs: project.configs,
  }
  const services = Object.fromEntries(
    Object.entries(project.services).map(([name, service]) => {
      const { command = null, entrypoint = null, build, ...rest } = service
      const words = { command, entrypoint }
      const shown = isJson
        ? words
        : Object.fromEntries(Object.entries(words).filter(([, value]) => value !== null))
      const placed =
        isJson && rest.deploy !== undefined
          ? { deploy: { placement: {}, resources: {}, ...rest.deploy } }
          : {}
      const built = build === undefined ? {} : { build: withAgents(build) }
      return [name, inOrder({ ...rest, ...built, ...placed, ...shown })]
    }),
  )
  const given = Object.entries({ ...sections, services }).filter(
    ([key, value]) => key === 'services' || Object.keys(value).length > 0,
  )
  const extensions = project.extensions
  return clean({ name: project.name, ...Object.fromEntries(given), ...extensions }, '', options) as Mapping
}

/** An agent without a path is its name alone. */
function withAgents({ ssh, ...build }: Build): Mapping {
  if (ssh === undefined) return build
  return { ...build, ssh: Object.entries(ssh).map(([id, path]) => (path === '' ? id : `${id}=${path}`)) }
}

function networks({ networks }: Project, isJson: boolean): Mapping {
  if (!isJson) return networks
  return Object.fromEntries(
    Object.entries(networks).map(([key, network]) => [key, { ...network, ipam: network.ipam ?? {} }]),
  )
}

/** Fields as they come in the alphabet, hooks at the end. */
function inOrder(service: Mapping): Mapping {
  const last = ['post_start', 'pre_stop']
  const keys = Object.keys(service).sort((a, b) => last.indexOf(a) - last.indexOf(b) || (a < b ? -1 : 1))
  return Object.fromEntries(keys.map((key) => [key, service[key]]))
}

/** Switches that say nothing when they are off. */
const switches = new Set(
  'attachable create_host_path disable external internal no_cache nocopy oom_kill_disable privileged pull read_only restart stdin_open tty use_api_socket'.split(
    ' ',
  ),
)

function isLeftOut(key: string, value: unknown): boolean {
  return (
    (value === false && switches.has(key)) ||
    (Array.isArray(value) && value.length === 0) ||
    (key === 'depends_on' && isMapping(value) && Object.keys(value).length === 0)
  )
}

function clean(value: unknown, name: string, options: RenderOptions): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => clean(item, '', options))
  if (isMapping(value)) {
    const entries = Object.entries(value).filter(([key, item]) => !isLeftOut(key, item))
    if (byName.has(name)) entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(entries.map(([key, item]) => [key, clean(item, key, options)]))
  }
  return typeof value === 'string' && options.escapes ? value.replaceAll('$', '$$$$') : value
}

export function renderYaml(project: Project, options: RenderOptions): string {
  return stringify(document(project, options, false), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    version: '1.1',
  })
}

export function renderJson(project: Project, options: RenderOptions): string {
  return `${JSON.stringify(document(project, options, true), undefined, 2)}\n`
}
