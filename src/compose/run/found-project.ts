import type { Project, Service } from '../model/project.ts'
import type { Dependency } from '../model/service.ts'
import { label } from './labels.ts'
import { listContainers } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/** A project whose files are not at hand, as far as the labels of its containers tell. */
export async function foundProject(parts: Pick<ComposeParts, 'engine'>, name: string): Promise<Project> {
  const containers = await listContainers(parts, name, { oneOff: true })
  const services: Record<string, Service> = {}
  for (const { service, details } of containers) {
    const labels = details.config.Labels ?? {}
    services[service] ??= {
      image: details.imageName,
      depends_on: dependencies(labels[label.dependsOn] ?? ''),
    }
  }
  const labels = containers[0]?.details.config.Labels ?? {}
  return {
    name,
    folder: labels[label.folder] ?? '/',
    files: (labels[label.files] ?? '').split(',').filter((file) => file !== ''),
    services,
    serviceNames: Object.keys(services),
    networks: {},
    volumes: {},
    secrets: {},
    configs: {},
    environment: {},
    profiles: [],
    disabled: {},
    extensions: {},
  }
}

/** `db:service_healthy:false,cache:…` */
function dependencies(text: string): Readonly<Record<string, Dependency>> {
  const entries = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', condition = 'service_started'] = part.split(':')
      return [name, { condition: condition as Dependency['condition'], required: false }] as const
    })
  return Object.fromEntries(entries)
}
