import type { ContainerDetails } from '../../containers/containers.ts'
import { label } from './labels.ts'
import type { ComposeParts } from './parts.ts'

/** A container of a project, as its labels tell. */
export interface Observed {
  readonly details: ContainerDetails
  readonly id: string
  readonly name: string
  readonly service: string
  readonly number: number
  readonly isOneOff: boolean
  readonly hash: string
  readonly imageId: string
  /** It was made to take the place of that container, which may still be there. */
  readonly replaces?: string
}

interface Wish {
  /** Also those that do not run; default true. */
  readonly all?: boolean
  /** Also those of `run`. */
  readonly oneOff?: boolean
}

/** The containers of a project, by service and number. */
export async function listContainers(
  { engine }: Pick<ComposeParts, 'engine'>,
  project: string,
  { all = true, oneOff = false }: Wish = {},
): Promise<Observed[]> {
  const filters = { label: [`${label.project}=${project}`] }
  const found = await engine.containers.list({ all, filters })
  return found
    .map(observe)
    .filter(({ isOneOff }) => oneOff || !isOneOff)
    .sort((a, b) => (a.service === b.service ? a.number - b.number : a.service < b.service ? -1 : 1))
}

function observe(details: ContainerDetails): Observed {
  const labels = details.config.Labels ?? {}
  const replaces = labels[label.replace]
  return {
    details,
    id: details.id,
    name: details.name,
    service: labels[label.service] ?? '',
    number: Number(labels[label.number] ?? 1),
    isOneOff: labels[label.oneOff] === 'True',
    hash: labels[label.hash] ?? '',
    imageId: labels[label.image] ?? '',
    ...(replaces !== undefined && { replaces }),
  }
}

export function ofService(containers: readonly Observed[], service: string): Observed[] {
  return containers.filter((container) => container.service === service)
}
