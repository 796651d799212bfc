import { findImage } from '../store/find-image.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { ContainerDetails, ContainerState } from './containers.ts'
import { containerDetails, isBuiltOn } from './details.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer, type ContainerData, type ContainerRow } from './record.ts'
import { settleIdle } from './life/settle.ts'
import { hasLabel } from './volume/volumes.ts'

type Filters = Readonly<Record<string, readonly string[]>>
type Test = (container: ContainerDetails, row: ContainerRow) => boolean

/** Newest first. Settles what ended meanwhile. Filters as Docker's `ps --filter` (C44); INVALID_FILTER lists them. */
export async function listContainers(
  parts: ContainerParts,
  options: { readonly all?: boolean; readonly size?: boolean; readonly filters?: Filters } = {},
): Promise<ContainerDetails[]> {
  const filters = options.filters ?? {}
  const test = containerTest(parts, filters)
  const all = options.all === true || filters['status'] !== undefined || filters['exited'] !== undefined
  const rows = parts.store
    .records<ContainerData>('container')
    .list()
    .filter(({ data }) => data.phase !== 'creating')
  const seen = await Promise.all(rows.map((row) => describe(parts, row, options.size)))
  const details: Listed[] = []
  for (const one of seen) details.push(...(isSettled(one) ? [one] : await settle(parts, one, options.size)))
  return details
    .filter(({ container }) => all || isLive(container.state))
    .filter(({ container, row }) => test(container, row))
    .sort((a, b) => b.row.sequence - a.row.sequence)
    .map(({ container }) => ({ ...container, imageName: presentName(parts, container) }))
}

/** The name the container was made by, while it still leads to its image; else the image's ID, as Docker shows it. */
function presentName({ store: { images } }: ContainerParts, container: ContainerDetails): string {
  const { imageName, imageId } = container
  try {
    const found = findImage(images, imageName)?.record
    return found && images.members(found).some(({ id }) => id === imageId) ? imageName : imageId
  } catch (error) {
    // what was one image's ID prefix is two's by now
    if (isMilleError(error)) return imageId
    throw error
  }
}

/** Also one that will be started again in a moment. */
function isLive({ status }: ContainerState): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting'
}

interface Listed {
  readonly row: ContainerRow
  readonly container: ContainerDetails
}

async function describe(parts: ContainerParts, row: ContainerRow, size = false): Promise<Listed> {
  return { row, container: await containerDetails(parts, row, size) }
}

/** Is all as the record says, so that one look at the process is enough? */
function isSettled({ row: { data }, container: { state } }: Listed): boolean {
  if (data.phase === 'started') return state.pid !== 0 && state.health === undefined
  if (data.phase === 'created') return !data.request.autoRemove
  return data.phase === 'exited' && data.restart === undefined
}

/** None when it is gone by that. */
async function settle(parts: ContainerParts, { row }: Listed, size = false): Promise<Listed[]> {
  await settleIdle(parts, row.id)
  const now = parts.store.records<ContainerData>('container').get(row.id)
  return now === undefined || now.data.phase === 'creating' ? [] : [await describe(parts, now, size)]
}

function containerTest(parts: ContainerParts, filters: Filters): Test {
  const tests = Object.entries(filters).map(([name, values]) => {
    const make = filterMakers.get(name)
    if (!make) throw failure('INVALID_FILTER', { filter: name, known: [...filterMakers.keys()].join(', ') })
    return make(values, parts)
  })
  return (container, row) => tests.every((test) => test(container, row))
}

/** Values of one filter are alternatives, but labels must all match: Docker's rule. */
const filterMakers: ReadonlyMap<string, (values: readonly string[], parts: ContainerParts) => Test> = new Map(
  [
    ['ancestor', (values: readonly string[], parts: ContainerParts) => ancestorTest(values, parts)],
    [
      'before',
      (values: readonly string[], parts: ContainerParts): Test => {
        const limits = values.map((value) => getContainer(parts.store, value).sequence)
        return (_, row) => limits.every((limit) => row.sequence < limit)
      },
    ],
    [
      'exited',
      (values: readonly string[]): Test =>
        ({ state }) =>
          state.status === 'exited' && values.includes(String(state.exitCode)),
    ],
    [
      'expose',
      (values: readonly string[]): Test =>
        ({ exposedPorts }) =>
          values.some((port) => exposedPorts.includes(portKey(port))),
    ],
    ['health', healthTest],
    [
      'id',
      (values: readonly string[]): Test =>
        ({ id }) =>
          values.some((value) => id.startsWith(value)),
    ],
    [
      'label',
      (values: readonly string[]): Test =>
        ({ config }) =>
          values.every((value) => hasLabel(config.Labels ?? {}, value)),
    ],
    [
      'name',
      (values: readonly string[]): Test =>
        ({ name }) =>
          values.some((value) => nameMatches(name, value)),
    ],
    [
      'network',
      (values: readonly string[]): Test =>
        ({ networks }) =>
          values.some((value) =>
            Object.entries(networks).some(([name, { id }]) => name === value || id.startsWith(value)),
          ),
    ],
    [
      'publish',
      (values: readonly string[]): Test =>
        ({ ports }) =>
          values.some((value) =>
            ports.some((port) => portKey(value) === `${port.hostPort}/${port.protocol}`),
          ),
    ],
    [
      'since',
      (values: readonly string[], parts: ContainerParts): Test => {
        const limits = values.map((value) => getContainer(parts.store, value).sequence)
        return (_, row) => limits.every((limit) => row.sequence > limit)
      },
    ],
    ['status', statusTest],
    [
      'volume',
      (values: readonly string[]): Test =>
        ({ mounts }) =>
          values.some((value) => mounts.some((mount) => mount.name === value || mount.target === value)),
    ],
  ],
)

const portKey = (text: string): string => (text.includes('/') ? text : `${text}/tcp`)

/** Docker matches a part of the name; `^` and `$` anchor. */
function nameMatches(name: string, value: string): boolean {
  const start = /^\^?\/?/.exec(value)?.[0] ?? ''
  const core = value.slice(start.length).replace(/\$$/, '')
  const fromStart = start.startsWith('^')
  const toEnd = value.endsWith('$')
  if (fromStart && toEnd) return name === core
  if (fromStart) return name.startsWith(core)
  return toEnd ? name.endsWith(core) : name.includes(core)
}

const healths = ['starting', 'healthy', 'unhealthy', 'none']

function healthTest(values: readonly string[]): Test {
  const wrong = values.find((value) => !healths.includes(value))
  if (wrong !== undefined)
    throw failure('INVALID_FILTER_VALUE', { filter: 'health', value: wrong, known: healths.join(', ') })
  return ({ state }) => values.includes(state.health?.status ?? 'none')
}

const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']

function statusTest(values: readonly string[]): Test {
  const wrong = values.find((value) => !statuses.includes(value))
  if (wrong !== undefined)
    throw failure('INVALID_FILTER_VALUE', { filter: 'status', value: wrong, known: statuses.join(', ') })
  return ({ state }) => values.includes(state.status)
}

/** Containers of an image, and of images built on it. */
function ancestorTest(values: readonly string[], parts: ContainerParts): Test {
  const images = parts.store.images.list()
  const wanted = values.flatMap((value) =>
    images.filter(
      (image) =>
        image.id.startsWith(`sha256:${value.replace(/^sha256:/, '')}`) ||
        image.names.some((name) =>
          [name, name.replace(/:latest$/, '')].some((full) => full === value || full.endsWith(`/${value}`)),
        ),
    ),
  )
  return (_, row) =>
    wanted.some(
      (image) => row.data.imageId === image.id || isBuiltOn(parts, row, image.config.rootfs.diff_ids),
    )
}
