import { absolutePath, path } from './scalars.ts'
import {
  invalid,
  listOf,
  loose,
  mapOf,
  mapped,
  orEmpty,
  pairs,
  type Place,
  record,
  type Shape,
  text,
  toggle,
} from './shape.ts'

type Labels = Readonly<Record<string, string>>

export interface IpamPool {
  readonly subnet?: string
  readonly gateway?: string
  readonly ip_range?: string
  readonly aux_addresses?: Labels
}

export interface NetworkConfig {
  readonly name?: string
  readonly driver?: string
  readonly driver_opts?: Labels
  readonly ipam?: {
    readonly driver?: string
    readonly options?: Labels
    readonly config?: readonly IpamPool[]
  }
  readonly external?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Labels
  readonly enable_ipv4?: boolean
  readonly enable_ipv6?: boolean
}

export interface VolumeConfig {
  readonly name?: string
  readonly driver?: string
  readonly driver_opts?: Labels
  readonly external?: boolean
  readonly labels?: Labels
}

/** Where the bytes of a secret or config come from. */
export interface FileObject {
  readonly name?: string
  readonly file?: string
  readonly environment?: string
  readonly content?: string
  readonly external?: boolean
  readonly labels?: Labels
  readonly driver?: string
  readonly driver_opts?: Labels
  readonly template_driver?: string
}

export type Secret = FileObject
export type Config = FileObject

interface External {
  readonly name?: string
}

/** `true`, or the old form with the name in it. */
const external: Shape<boolean | External> = {
  read: (value, place) =>
    typeof value === 'object' && value !== null
      ? record<External>({ name: text }).read(value, place)
      : toggle.read(value, place),
}

type Given<Resource> = Omit<Resource, 'external'> & { readonly external?: boolean | External }

/** The name out of the old form of `external`. */
function named<Resource extends { readonly name?: string }>(given: Given<Resource>): Resource {
  const { external, ...rest } = given
  if (external === undefined || external === false) return rest as Resource
  const name = external === true ? undefined : external.name
  return { ...rest, ...(name !== undefined && { name }), external: true } as unknown as Resource
}

const pool = record<IpamPool>({ subnet: text, gateway: text, ip_range: text, aux_addresses: mapOf(text) })

export const networkShape: Shape<NetworkConfig> = orEmpty(
  mapped(
    record<Given<NetworkConfig>>({
      name: text,
      driver: text,
      driver_opts: mapOf(loose),
      ipam: record<NonNullable<NetworkConfig['ipam']>>({
        driver: text,
        options: mapOf(loose),
        config: listOf(pool),
      }),
      external,
      internal: toggle,
      attachable: toggle,
      labels: pairs(''),
      enable_ipv4: toggle,
      enable_ipv6: toggle,
    }),
    (given) => named<NetworkConfig>(given),
  ),
)

export const volumeShape: Shape<VolumeConfig> = orEmpty(
  mapped(
    record<Given<VolumeConfig>>({
      name: text,
      driver: text,
      driver_opts: mapOf(loose),
      external,
      labels: pairs(''),
    }),
    (given, place) => withDevice(named<VolumeConfig>(given), place),
  ),
)

/** A folder of this machine that is bound to a volume. */
function withDevice(volume: VolumeConfig, place: Place): VolumeConfig {
  const { driver, driver_opts } = volume
  const { o = '', device } = driver_opts ?? {}
  if (driver !== 'local' || device === undefined || !o.split(',').includes('bind')) return volume
  return { ...volume, driver_opts: { ...driver_opts, device: absolutePath(device, place) } }
}

export const fileObjectShape: Shape<FileObject> = mapped(
  record<Given<FileObject>>({
    name: text,
    file: path,
    environment: text,
    content: text,
    external,
    labels: pairs(''),
    driver: text,
    driver_opts: mapOf(loose),
    template_driver: text,
  }),
  (given, place) => {
    const object = named<FileObject>(given)
    const sources = (['file', 'environment', 'content'] as const).filter((key) => object[key] !== undefined)
    if (sources.length > 1)
      throw invalid(place, `${place.path}: ${sources.join('|')} attributes are mutually exclusive`)
    if (object.external === true && sources.length > 0)
      throw invalid(place, `${place.path}: conflicting parameters "external" and "${sources[0]}" specified`)
    return object
  },
)
