import { failure } from '../util/errors.ts'
import type { Descriptor } from './descriptor.ts'
import { parseDigest, sha256 } from './digest.ts'
import {
  asFields,
  asList,
  asSize,
  asString,
  asStringMap,
  asStrings,
  documentLimit,
  optional,
  parseDocument,
  present,
  wrong,
} from './document-fields.ts'
import type { Fields } from './document-fields.ts'
import type { Index, Manifest, ManifestDocument } from './manifest.ts'
import { isIndexType, isManifestType, mediaTypes } from './media-types.ts'
import type { Platform } from './platform.ts'

/** Most layers of an image. Overlayfs takes about 500 lower folders. */
export const maxLayers = 500
/** Most entries of an index. */
const maxIndexEntries = 4096

/** Sent for bytes whose type the sender does not know; such a hint says nothing. */
const genericTypes: ReadonlySet<string> = new Set([
  '',
  'application/json',
  'application/octet-stream',
  'text/plain',
])

/**
 * Reads and checks a manifest or index. `mediaTypeHint` is what the descriptor or the Content-Type said (parameters
 * are ignored); when the document names its own type the two must agree.
 * Throws MANIFEST_TOO_LARGE, MANIFEST_INVALID, MANIFEST_AMBIGUOUS (CVE-2021-41190), MEDIA_TYPE_UNSUPPORTED,
 * TOO_MANY_LAYERS, DIGEST_INVALID. Source: OCI image-spec 1.1, manifest.md and image-index.md.
 */
export function parseManifestDocument(raw: Uint8Array, mediaTypeHint?: string): ManifestDocument {
  const fields = parseDocument(raw, 'manifest')
  const mediaType = documentType(fields, mediaTypeHint?.split(';')[0]?.trim().toLowerCase())
  if (fields['schemaVersion'] !== 2) throw wrong('schemaVersion', 'not 2')
  const bytes = Buffer.isBuffer(raw) ? raw : Buffer.from(raw)
  const descriptor: Descriptor = { mediaType, digest: sha256(raw), size: raw.length }
  return isIndexType(mediaType)
    ? { kind: 'index', index: readIndex(fields), descriptor, raw: bytes }
    : { kind: 'manifest', manifest: readManifest(fields), descriptor, raw: bytes }
}

/** The one type that body and hint agree on. */
function documentType(fields: Fields, hint: string | undefined): string {
  const looksLikeIndex = present(fields['manifests'])
  const looksLikeManifest = present(fields['config']) || present(fields['layers'])
  if (fields['schemaVersion'] === 1) {
    throw failure('MEDIA_TYPE_UNSUPPORTED', {
      mediaType: 'application/vnd.docker.distribution.manifest.v1+json',
    })
  }
  if ((looksLikeIndex && looksLikeManifest) || present(fields['fsLayers'])) {
    throw ambiguous('it reads as a manifest and as something else')
  }
  const own = optional(fields, 'mediaType', 'manifest', asString).mediaType
  const told = hint === undefined || genericTypes.has(hint) ? undefined : hint
  if (own !== undefined && told !== undefined && own !== told) {
    throw ambiguous(`it says ${own}, but was announced as ${told}`)
  }
  const mediaType = own ?? told ?? (looksLikeIndex ? mediaTypes.ociIndex : mediaTypes.ociManifest)
  if (!isIndexType(mediaType) && !isManifestType(mediaType)) {
    throw failure('MEDIA_TYPE_UNSUPPORTED', { mediaType: mediaType.slice(0, 200) })
  }
  if (isIndexType(mediaType) ? looksLikeManifest : looksLikeIndex) {
    throw ambiguous(`its fields are not those of ${mediaType}`)
  }
  return mediaType
}

function readManifest(fields: Fields): Manifest {
  const layers = present(fields['layers']) ? fields['layers'] : []
  if (Array.isArray(layers) && layers.length > maxLayers) {
    throw failure('TOO_MANY_LAYERS', { layers: layers.length, limit: maxLayers })
  }
  const config = readDescriptor(fields['config'], 'config')
  if (config.size > documentLimit) throw wrong('config.size', `larger than ${documentLimit} bytes`)
  return {
    schemaVersion: 2,
    ...commonFields(fields),
    config,
    layers: asList(layers, 'layers', readDescriptor),
  }
}

function readIndex(fields: Fields): Index {
  const manifests = present(fields['manifests']) ? fields['manifests'] : []
  if (Array.isArray(manifests) && manifests.length > maxIndexEntries) {
    throw wrong('manifests', `more than ${maxIndexEntries} entries`)
  }
  return {
    schemaVersion: 2,
    ...commonFields(fields),
    manifests: asList(manifests, 'manifests', readDescriptor),
  }
}

type CommonFields = Pick<Manifest, 'mediaType' | 'artifactType' | 'subject' | 'annotations'>

function commonFields(fields: Fields): CommonFields {
  return {
    ...optional(fields, 'mediaType', 'manifest', asString),
    ...optional(fields, 'artifactType', 'manifest', asString),
    ...optional(fields, 'subject', 'manifest', readDescriptor),
    ...optional(fields, 'annotations', 'manifest', asStringMap),
  }
}

/** Source: OCI image-spec 1.1, descriptor.md. */
function readDescriptor(value: unknown, what: string): Descriptor {
  const fields = asFields(value, what)
  const mediaType = asString(fields['mediaType'], `${what}.mediaType`)
  if (mediaType === '' || mediaType.length > 255) throw wrong(`${what}.mediaType`, 'not a media type')
  return {
    mediaType,
    digest: parseDigest(fields['digest']),
    size: asSize(fields['size'], `${what}.size`),
    ...optional(fields, 'platform', what, readPlatform),
    ...optional(fields, 'annotations', what, asStringMap),
    ...optional(fields, 'artifactType', what, asString),
    ...optional(fields, 'urls', what, asStrings),
    ...optional(fields, 'data', what, asString),
  }
}

function readPlatform(value: unknown, what: string): Platform {
  const fields = asFields(value, what)
  return {
    os: asString(fields['os'], `${what}.os`),
    architecture: asString(fields['architecture'], `${what}.architecture`),
    ...optional(fields, 'variant', what, asString),
    ...optional(fields, 'os.version', what, asString),
    ...optional(fields, 'os.features', what, asStrings),
  }
}

function ambiguous(reason: string): Error {
  return failure('MANIFEST_AMBIGUOUS', { reason })
}
