import { failure } from '../util/errors.ts'
import type { Platform } from './platform.ts'

/** How the layers of an image that leaves are compressed. */
export interface LayerCompression {
  readonly type: 'none' | 'gzip' | 'zstd'
  /** gzip 0 to 9, zstd 1 to 22; default: the encoder's own. */
  readonly level?: number
  /** Layers of a base too, that came in another form. */
  readonly force: boolean
}

/** Where an annotation stands: in a document, or in the descriptor that names it. */
export type AnnotationPlace = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor'

export interface Annotation {
  readonly place: AnnotationPlace
  /** Only the manifest of this platform; default all. */
  readonly platform?: Platform
  readonly key: string
  readonly value: string
}

/** How an image is written down: everything but its config and its layers' contents. */
export interface ImageForm {
  /** Default: each layer as the store has it, the plain tar. */
  readonly compression?: LayerCompression
  readonly mediaTypes: 'oci' | 'docker'
  readonly annotations: readonly Annotation[]
}

export const plainForm: ImageForm = { mediaTypes: 'oci', annotations: [] }

/** INVALID_ARGUMENT for a form that an image, or with `isIndex` an index, cannot have; `attested`: with statements in it. */
export function checkForm(
  { mediaTypes, annotations, compression }: ImageForm,
  { isIndex, attested }: { readonly isIndex: boolean; readonly attested: boolean },
): void {
  const indexOnly = annotations.find(({ place }) => place === 'index' || place === 'manifest-descriptor')
  if (!isIndex && indexOnly !== undefined) {
    throw failure('INVALID_ARGUMENT', {
      reason: `index annotations not supported for single platform export: "${indexOnly.key}" would stand nowhere`,
    })
  }
  const unknown = [
    ...(annotations.length > 0 ? ['annotations'] : []),
    ...(compression?.type === 'zstd' ? ['zstd'] : []),
    ...(attested ? ['attestations'] : []),
  ][0]
  if (mediaTypes === 'oci' || unknown === undefined) return
  throw failure('INVALID_ARGUMENT', {
    reason: `Docker's media types have no ${unknown}: leave out oci-mediatypes=false`,
  })
}
