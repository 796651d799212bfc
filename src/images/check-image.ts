import type { ImageConfig } from '../oci/config.ts'
import type { Manifest } from '../oci/manifest.ts'
import { compressionOf, mediaTypes } from '../oci/media-types.ts'
import { failure } from '../util/errors.ts'

/**
 * Is the manifest one of a container image whose layers can be applied? NOT_AN_IMAGE for artifacts,
 * MEDIA_TYPE_UNSUPPORTED for encrypted, foreign and unknown layers: such bytes are never tried "because they may work"
 * (C-M12).
 */
export function checkImageManifest({ config, layers }: Manifest): void {
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig) {
    throw failure('NOT_AN_IMAGE', { reason: `its config is of type ${config.mediaType}` })
  }
  for (const { mediaType } of layers) {
    if (compressionOf(mediaType) === undefined) throw failure('MEDIA_TYPE_UNSUPPORTED', { mediaType })
  }
}

/** MANIFEST_INVALID when manifest and config do not have the same number of layers (C-M3). */
export function checkLayerCount(layers: readonly unknown[], { rootfs }: ImageConfig): void {
  if (rootfs.diff_ids.length === layers.length) return
  const reason = `${layers.length} layers but ${rootfs.diff_ids.length} diff IDs`
  throw failure('MANIFEST_INVALID', { reason })
}
