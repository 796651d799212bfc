import { parseImageConfig } from '../oci/image-config.ts'
import { choosePlatform, hostPlatform, type Platform } from '../oci/platform.ts'
import { familiarReference } from '../oci/reference.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { checkImageManifest } from './check-image.ts'
import type { ImageDetails } from './images.ts'
import { fetchDocument, fetchSmall, readDocument } from './manifests/remote-image.ts'
import type { OpenRepository } from './repositories.ts'

/** An image as its registry has it: manifest and config are read, and no layer (C22). Its size is that of the layers there. */
export async function inspectRemoteImage(
  open: OpenRepository,
  name: string,
  options: OpOptions & { readonly platform?: Platform } = {},
): Promise<ImageDetails> {
  const { reference, repository, document } = await readDocument(open, name, options)
  const image =
    document.kind === 'index'
      ? await fetchDocument(
          repository,
          choosePlatform(document.index, options.platform ?? hostPlatform()),
          options,
        )
      : document
  if (image.kind === 'index') throw failure('MANIFEST_INVALID', { reason: 'an index in an index' })
  checkImageManifest(image.manifest)
  const config = parseImageConfig(await fetchSmall(repository, image.manifest.config, options))
  const { registry, repository: path, tag } = reference
  const place = { registry, repository: path }
  return {
    id: image.manifest.config.digest,
    repoTags: tag === undefined ? [] : [familiarReference({ ...place, tag })],
    repoDigests: [familiarReference({ ...place, digest: document.descriptor.digest })],
    labels: config.config?.Labels ?? {},
    createdAt: Date.parse(config.created ?? '') || 0,
    size: image.manifest.layers.reduce((sum, { size }) => sum + size, 0),
    sharedSize: 0,
    containers: 0,
    dangling: false,
    config,
    manifest: image.descriptor,
    architecture: config.architecture,
    os: config.os,
  }
}
