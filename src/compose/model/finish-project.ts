import { checkProject } from './check-project.ts'
import { finishService } from './finish-service.ts'
import type { Merged } from './load-files.ts'
import type { FileObject } from './resource-shapes.ts'
import type { NetworkConfig, Project, VolumeConfig } from './project.ts'
import type { ReadFile } from './read-file.ts'
import { selectServices, isEnabled } from './select-services.ts'
import type { Service } from './service.ts'

type Given = Merged & Pick<Project, 'name' | 'folder' | 'files' | 'environment' | 'profiles'>

interface FinishOptions {
  readonly readFile: ReadFile
  readonly wanted?: readonly string[]
  readonly keepsUnused?: boolean
}

/** Adds what files leave to defaults, takes out what no profile asks for, and checks that everything named exists. */
export async function finishProject(given: Given, options: FinishOptions): Promise<Project> {
  const wanted = new Set(options.wanted)
  const services: Record<string, Service> = {}
  const disabled: Record<string, Service> = {}
  for (const name of Object.keys(given.services).sort()) {
    const service = given.services[name]
    if (service === undefined) continue
    const enabled = wanted.has(name) || isEnabled(service, given.profiles)
    // files of services that are not wanted need not be there
    const finished = await finishService(service, given, enabled ? options.readFile : undefined)
    ;(enabled ? services : disabled)[name] = finished
  }
  const all: Project = {
    ...given,
    services,
    disabled,
    serviceNames: Object.keys(given.services),
    networks: withDefaultNetwork(given.networks, given.name),
    volumes: named(given.volumes, given.name),
    secrets: named(given.secrets, given.name),
    configs: named(given.configs, given.name),
  }
  checkProject(all, Object.keys(given.networks))
  return options.keepsUnused === true ? all : selectServices(all, Object.keys(services))
}

type Named = NetworkConfig | VolumeConfig | FileObject

/** `PROJECT_name`, unless a name is given or the thing is there already. */
function named<Resource extends Named>(
  resources: Readonly<Record<string, Resource>>,
  project: string,
): Readonly<Record<string, Resource>> {
  const entries = Object.entries(resources).map(([key, { name, ...rest }]) => {
    const ownName =
      name === undefined || name === '' ? (rest.external === true ? key : `${project}_${key}`) : name
    return [key, { name: ownName, ...rest }] as const
  })
  return Object.fromEntries(entries) as unknown as Readonly<Record<string, Resource>>
}

function withDefaultNetwork(
  networks: Readonly<Record<string, NetworkConfig>>,
  project: string,
): Readonly<Record<string, NetworkConfig>> {
  return named({ default: {}, ...networks }, project)
}
