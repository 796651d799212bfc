import type { ComposedImage, ImageToCompose } from '../../oci/composed-image.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { ImageForm, LayerCompression } from '../../oci/image-form.ts'
import type { Lease } from '../../store/store.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { Destination } from './output.ts'

/** Lent by the engine: how finished images are written down, and brought elsewhere. */
export interface ImageWriter {
  /** Config, manifest and index as blobs that `lease` holds. */
  compose(
    images: readonly ImageToCompose[],
    form: ImageForm,
    lease: Lease,
    options: OpOptions,
  ): Promise<ComposedImage>
  /** The blob of a layer in this compression, held by the lease. */
  encode(
    diffId: DiffId,
    compression: LayerCompression,
    options: OpOptions & { readonly lease: Lease },
  ): Promise<Descriptor>
  /** Pushes under a canonical name, or `byDigest` without giving the name's tag. */
  push(
    image: ComposedImage,
    name: string,
    options: OpOptions & { readonly lease: Lease; readonly byDigest: boolean },
  ): Promise<void>
  /** As a tar, or as an OCI layout in a folder (made when missing, other images in it stay). */
  archive(
    image: ComposedImage,
    names: readonly string[],
    layout: 'oci' | 'docker',
    destination: Destination | { readonly folder: string },
    options: OpOptions,
  ): Promise<void>
}
