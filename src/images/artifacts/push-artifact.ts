import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../../linux/system-failure.ts'
import { canonicalJson } from '../../oci/canonical-json.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parseDigest, sha256 } from '../../oci/digest.ts'
import type { Manifest } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import type { Repository } from '../../registry/repository.ts'
import { failure } from '../../util/errors.ts'
import type { ArtifactFile, ArtifactOptions } from './artifacts.ts'

/** By which others know what a file was called. Source: OCI image-spec 1.1, annotations.md. */
export const titleKey = 'org.opencontainers.image.title'

const unknownType = 'application/vnd.unknown.artifact.v1'
const empty = Buffer.from('{}')

/**
 * Files as an artifact, about `subject` where there is one; its manifest last, without a tag. The same files give the same
 * digest: nothing is said about when. Source: OCI image-spec 1.1, manifest.md, "Guidelines for Artifact Usage".
 */
export async function pushArtifact(
  repository: Repository,
  files: readonly ArtifactFile[],
  options: ArtifactOptions & { readonly subject?: Descriptor },
): Promise<Descriptor> {
  const { artifactType = unknownType, annotations, subject, signal } = options
  const config = { mediaType: mediaTypes.ociEmpty, digest: sha256(empty), size: empty.length }
  const layers: Descriptor[] = []
  for (const file of files) layers.push(await describeFile(file, options))
  const titles = layers.map((layer) => layer.annotations?.[titleKey])
  const twice = titles.find((title, at) => titles.indexOf(title) !== at)
  if (twice !== undefined) throw failure('ARTIFACT_INVALID', { reason: `two files are called ${twice}` })
  for (const [at, file] of files.entries()) {
    const blob = layers[at] as Descriptor
    if (await repository.exists(blob, { signal })) continue
    await repository.push(blob, createReadStream(file.path), {
      ...options,
      reopen: async (start, end) => createReadStream(file.path, { start, end: end - 1 }),
    })
  }
  if (!(await repository.exists(config, { signal }))) {
    await repository.push(config, Readable.from([empty]), { signal })
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config,
    // an artifact needs a layer, be it an empty one
    layers: layers.length > 0 ? layers : [config],
    ...(subject !== undefined && {
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    }),
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations }),
  }
  const raw = canonicalJson(manifest)
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(raw), size: raw.length }
  await repository.push(descriptor, Readable.from([raw]), { signal })
  return { ...descriptor, artifactType }
}

async function describeFile(file: ArtifactFile, { signal }: ArtifactOptions): Promise<Descriptor> {
  const { path, mediaType = 'application/octet-stream' } = file
  const hash = createHash('sha256')
  let size: number
  try {
    const status = await stat(path)
    if (!status.isFile()) throw failure('ARTIFACT_INVALID', { reason: `${path} is no regular file` })
    size = status.size
    await pipeline(createReadStream(path), hash, { signal })
  } catch (error) {
    throw fromNodeError(error, path)
  }
  const digest = parseDigest(`sha256:${hash.digest('hex')}`)
  return { mediaType, digest, size, annotations: { [titleKey]: basename(path) } }
}
