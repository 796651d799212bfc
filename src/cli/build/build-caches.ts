import { resolve } from 'node:path'
import type { CacheAddress, CacheExport, CacheImport } from '../../builder/cache/remote/cache-place.ts'
import type { LayerCompression } from '../../oci/image-form.ts'
import { parseReference } from '../../oci/reference.ts'
import { failure, messageOf } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { CacheAttributes } from './cache-attributes.ts'
import { actionsAddress, type Environment, s3Address } from './object-caches.ts'
import { type Flag, type FlagValues, list } from '../flags/flag.ts'
import { parseSize } from '../format/units.ts'
import { csvFields } from '../input/parse-attributes.ts'

/** The table of `cacheFlags`. */
export type CacheFlags = {
  readonly 'cache-from': Flag<readonly string[]>
  readonly 'cache-to': Flag<readonly string[]>
}

/** The flags of `build` about caches outside of the store. */
export const cacheFlags: CacheFlags = {
  'cache-from': list('External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
  'cache-to': list('Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")'),
}

export interface CacheRequest {
  readonly cacheFrom?: readonly CacheImport[]
  readonly cacheTo?: readonly CacheExport[]
}

const refuse = (reason: string): Error => failure('CLI_FAILED', { reason })

/** What `--cache-from` and `--cache-to` ask for (B77-B79). CLI_FAILED for what is wrong with them (D-C9). */
export function cacheRequest(flags: FlagValues<CacheFlags>, env: Environment): CacheRequest {
  const from = flags['cache-from'].filter(Boolean).flatMap((text) => parseImport(text, env))
  const to = flags['cache-to'].filter(Boolean).flatMap((text) => parseExport(text, env))
  return { ...(from.length > 0 && { cacheFrom: from }), ...(to.length > 0 && { cacheTo: to }) }
}

function parseImport(text: string, env: Environment): CacheImport[] {
  if (!text.includes('='))
    return fieldsOf(text).map((ref) => ({ address: registry(ref), mountBytes: usualMountBytes }))
  const attributes = new CacheAttributes('--cache-from', text)
  const address = addressOf(attributes, 'src', ['local', 'registry', 's3', 'gha'], env) as CacheAddress
  const mountBytes = mountBytesOf(attributes, true)
  attributes.refuseUnknown()
  return [{ address, mountBytes }]
}

function parseExport(text: string, env: Environment): CacheExport[] {
  if (!text.includes('=')) return fieldsOf(text).map((ref) => ({ ...usualExport, address: registry(ref) }))
  const attributes = new CacheAttributes('--cache-to', text)
  const address = addressOf(attributes, 'dest', ['inline', 'local', 'registry', 's3', 'gha'], env)
  if (address.type === 'inline') {
    attributes.refuseUnknown()
    return [{ ...usualExport, address }]
  }
  const mode = attributes.text('mode') ?? 'min'
  if (mode !== 'min' && mode !== 'max') throw refuse(`invalid cache mode "${mode}": there are min, max`)
  // what others may be told to do is always so here
  for (const key of ['image-manifest', 'oci-mediatypes']) {
    if (!attributes.truth(key, true))
      throw refuse(`${key}=false: mille writes caches as OCI image manifests only`)
  }
  const asked: CacheExport = {
    address,
    mode,
    compression: compressionOf(attributes),
    mountBytes: mountBytesOf(attributes, false),
    ignoreError: attributes.truth('ignore-error', false),
  }
  attributes.refuseUnknown()
  return [asked]
}

const usualExport = {
  mode: 'min',
  compression: { type: 'gzip', force: false },
  mountBytes: 0,
  ignoreError: false,
} as const

const usualMountBytes = 5e9

/** `mounts` and `mounts-max-size`: how large a cache mount may be that goes with the cache; 0 for none. */
function mountBytesOf(attributes: CacheAttributes, initial: boolean): number {
  const isWanted = attributes.truth('mounts', initial)
  const given = attributes.text('mounts-max-size')
  try {
    const bytes = given === undefined ? usualMountBytes : parseSize(given)
    return isWanted ? bytes : 0
  } catch (error) {
    throw refuse(`mounts-max-size of ${attributes.flag}: ${messageOf(error)}`)
  }
}

function fieldsOf(text: string): string[] {
  return csvFields(text).map((field) => field.trim())
}

function registry(ref: string): CacheAddress {
  parseReference(ref)
  return { type: 'registry', ref }
}

type AnyAddress = CacheExport['address']

function addressOf(
  attributes: CacheAttributes,
  folderKey: 'src' | 'dest',
  types: readonly AnyAddress['type'][],
  env: Environment,
): AnyAddress {
  const given = attributes.text('type')
  const type = types.find((known) => known === given)
  if (type === undefined) {
    const near = given === undefined ? undefined : suggest(given, types)
    const hint = near === undefined ? `there are ${types.join(', ')}` : `did you mean ${near}?`
    throw refuse(
      given === undefined
        ? `type is required for ${attributes.flag} "${attributes.shown}": ${hint}`
        : `unknown cache type "${given}" of ${attributes.flag}: ${hint}`,
    )
  }
  switch (type) {
    case 'inline':
      return { type }
    case 'registry':
      return registry(attributes.required('ref', type))
    case 's3':
      return s3Address(attributes, env)
    case 'gha':
      return actionsAddress(attributes, env)
    case 'local': {
      const path = resolve(attributes.required(folderKey, type))
      const digest = folderKey === 'src' ? attributes.text('digest') : undefined
      return { type, path, tag: attributes.text('tag') ?? 'latest', ...(digest !== undefined && { digest }) }
    }
  }
}

const compressions: Readonly<Record<string, LayerCompression['type']>> = {
  gzip: 'gzip',
  zstd: 'zstd',
  uncompressed: 'none',
}

function compressionOf(attributes: CacheAttributes): LayerCompression {
  const name = attributes.text('compression') ?? 'gzip'
  const type = compressions[name]
  if (type === undefined)
    throw refuse(`unknown compression "${name}": there are ${Object.keys(compressions).join(', ')}`)
  const level = attributes.text('compression-level')
  if (level !== undefined && !/^\d{1,2}$/.test(level))
    throw refuse(`compression-level "${level}" is no number`)
  const force = attributes.truth('force-compression', false)
  return { type, force, ...(level !== undefined && { level: Number(level) }) }
}
