import type { Compression } from '../util/compression.ts'

/** Media types of OCI image-spec 1.1 (media-types.md) and of Docker's image manifest v2 schema 2. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignLayerGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
} as const

/** How layers are kept in registries and layouts. */
export type LayerEncoding = 'none' | Extract<Compression, 'gzip' | 'zstd'>

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest
}

const layerCompression: ReadonlyMap<string, LayerEncoding> = new Map([
  [mediaTypes.ociLayer, 'none'],
  [mediaTypes.dockerLayer, 'none'],
  [mediaTypes.ociLayerGzip, 'gzip'],
  [mediaTypes.dockerLayerGzip, 'gzip'],
  [mediaTypes.ociLayerZstd, 'zstd'],
])

/** How a layer of this media type is compressed; undefined when it is no layer type that can be applied. */
export function compressionOf(mediaType: string): LayerEncoding | undefined {
  return layerCompression.get(mediaType)
}

/** The media type of a layer compressed like this. Docker's own types know no zstd: it stays OCI's. */
export function layerType(compression: LayerEncoding, flavor: 'oci' | 'docker'): string {
  if (compression === 'zstd') return mediaTypes.ociLayerZstd
  if (flavor === 'docker') return compression === 'gzip' ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer
  return compression === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer
}
