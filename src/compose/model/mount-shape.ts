import { posix } from 'node:path'
import { absolutePath, bytes } from './scalars.ts'
import {
  integer,
  invalid,
  type Mapping,
  mapped,
  type Place,
  pairs,
  record,
  type Shape,
  shortOr,
  text,
  toggle,
  word,
} from './shape.ts'

export interface ServiceMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster'
  readonly source?: string
  readonly target: string
  readonly read_only?: boolean
  readonly consistency?: string
  readonly bind?: {
    readonly propagation?: string
    readonly create_host_path?: boolean
    readonly recursive?: string
    readonly selinux?: string
  }
  readonly volume?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly nocopy?: boolean
    readonly subpath?: string
  }
  readonly tmpfs?: { readonly size?: string; readonly mode?: number }
  readonly image?: { readonly subpath?: string }
}

const long = record<ServiceMount>(
  {
    type: word('bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster'),
    source: text,
    target: text,
    read_only: toggle,
    consistency: text,
    bind: record<NonNullable<ServiceMount['bind']>>({
      selinux: text,
      propagation: text,
      create_host_path: toggle,
      recursive: text,
    }),
    volume: record<NonNullable<ServiceMount['volume']>>({ labels: pairs(''), nocopy: toggle, subpath: text }),
    tmpfs: record<NonNullable<ServiceMount['tmpfs']>>({ size: bytes, mode: integer }),
    image: record<NonNullable<ServiceMount['image']>>({ subpath: text }),
  },
  { required: ['type'] },
)

export const mountShape: Shape<ServiceMount> = shortOr(
  mapped(long, (mount, place) => {
    if (mount.type !== 'bind') return mount
    if (mount.source === undefined)
      throw invalid(
        place,
        `${place.path}: invalid mount config for type "bind": field Source must not be empty`,
      )
    return { ...mount, source: absolutePath(mount.source, place) }
  }),
  (value, place) => parseMount(text.read(value, place), place),
)

const modes: Readonly<Record<string, Mapping>> = {
  ro: { read_only: true },
  rw: {},
  nocopy: { volume: { nocopy: true } },
  z: { bind: { selinux: 'z' } },
  Z: { bind: { selinux: 'Z' } },
}

/** `[SOURCE:]TARGET[:MODE,…]`: a source with a slash, a dot or a tilde in front is a path. */
function parseMount(spec: string, place: Place): ServiceMount {
  const wrong = (reason: string): Error => invalid(place, `${place.path}: invalid spec: ${spec}: ${reason}`)
  if (spec === '') throw wrong('empty volume spec')
  const parts = spec.split(':')
  if (parts.length > 3) throw wrong('too many colons')
  if (parts.includes('')) throw wrong('empty section between colons')
  const [first = '', inside, third = ''] = parts
  if (inside === undefined) return { type: 'volume', target: clean(first), volume: {} }
  const second = clean(inside)
  const isPath = /^[./~]/.test(first)
  let mount: ServiceMount = isPath
    ? { type: 'bind', source: absolutePath(first, place), target: second, bind: { create_host_path: true } }
    : { type: 'volume', source: first, target: second, volume: {} }
  for (const option of third === '' ? [] : third.split(',')) {
    // an option that nobody knows is passed over, as Docker does
    const { read_only, bind, volume } = { ...modes[option], ...propagation(option) } as Partial<ServiceMount>
    mount = {
      ...mount,
      ...(read_only === true && { read_only }),
      ...(bind !== undefined && isPath && { bind: { ...bind, ...mount.bind } }),
      ...(volume !== undefined && !isPath && { volume }),
    }
  }
  return inOrder(mount)
}

/** Without a slash at its end, and the like. */
function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 ? normal.replace(/\/$/, '') : normal
}

function propagation(option: string): Mapping {
  return /^r?(shared|slave|private)$/.test(option) ? { bind: { propagation: option } } : {}
}

function inOrder({ type, source, target, read_only, ...more }: ServiceMount): ServiceMount {
  return {
    type,
    ...(source !== undefined && { source }),
    target,
    ...(read_only !== undefined && { read_only }),
    ...more,
  }
}
