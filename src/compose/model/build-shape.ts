import { extraHosts } from './extra-hosts.ts'
import { absolutePath, bytes, pathOrAddress } from './scalars.ts'
import { fileReferenceShape, type FileReference } from './file-reference.ts'
import {
  integer,
  listOf,
  listOrOne,
  loose,
  mapOf,
  mapped,
  pairs,
  record,
  scalar,
  shortOr,
  text,
  toggle,
  type Shape,
} from './shape.ts'

export interface Ulimit {
  readonly soft: number
  readonly hard: number
}

export interface Build {
  readonly context?: string
  readonly dockerfile?: string
  readonly dockerfile_inline?: string
  readonly entitlements?: readonly string[]
  readonly args?: Readonly<Record<string, string | null>>
  readonly provenance?: string
  readonly sbom?: string
  readonly ssh?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly cache_from?: readonly string[]
  readonly cache_to?: readonly string[]
  readonly no_cache?: boolean
  readonly no_cache_filter?: readonly string[]
  readonly additional_contexts?: Readonly<Record<string, string>>
  readonly pull?: boolean
  readonly extra_hosts?: readonly string[]
  readonly isolation?: string
  readonly network?: string
  readonly target?: string
  readonly secrets?: readonly FileReference[]
  readonly shm_size?: string
  readonly tags?: readonly string[]
  readonly ulimits?: Readonly<Record<string, number | Ulimit>>
  readonly platforms?: readonly string[]
  readonly privileged?: boolean
}

const limit = scalar('an integer', (value) => {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : undefined
})

export const ulimits: Shape<Readonly<Record<string, number | Ulimit>>> = mapOf(
  shortOr<number | Ulimit>(
    record<Ulimit>({ soft: integer, hard: integer }, { required: ['soft', 'hard'] }),
    (value, place) => limit.read(value, place),
  ),
)

/** A folder, or what is no path on this machine: `docker-image://…`, `service:…`. */
const namedContexts = mapped(pairs(''), (contexts, place) =>
  Object.fromEntries(
    Object.entries(contexts).map(([name, value]) => [
      name,
      /^[a-z][a-z0-9+.-]*:/.test(value) ? value : absolutePath(value, place),
    ]),
  ),
)

const texts = listOf(loose)

export const buildShape: Shape<Build> = shortOr(
  record<Build>({
    context: pathOrAddress,
    dockerfile: text,
    dockerfile_inline: text,
    entitlements: texts,
    args: pairs(null),
    provenance: loose,
    sbom: loose,
    ssh: mapped(pairs(''), (agents, place) =>
      Object.fromEntries(
        Object.entries(agents).map(([id, value]) => [id, value === '' ? '' : absolutePath(value, place)]),
      ),
    ),
    labels: pairs(''),
    cache_from: texts,
    cache_to: texts,
    no_cache: toggle,
    no_cache_filter: listOrOne(text),
    additional_contexts: namedContexts,
    pull: toggle,
    extra_hosts: extraHosts,
    isolation: text,
    network: text,
    target: text,
    secrets: listOf(fileReferenceShape),
    shm_size: bytes,
    tags: texts,
    ulimits,
    platforms: texts,
    privileged: toggle,
  }),
  (value, place) => ({ context: pathOrAddress.read(value, place) }),
)
