import type { Writable } from 'node:stream'
import { plainForm, type ImageForm } from '../../oci/image-form.ts'

/** Gives `write` a sink; what it wrote appears whole under its name, or, when `write` fails, not at all. */
export type Destination = (write: (sink: Writable) => Promise<void>) => Promise<void>

/** Into the store, and with `push` to the registries that the names say. */
export interface ImageOutput {
  readonly kind: 'image'
  /** Default: the names of the build. */
  readonly names?: readonly string[]
  readonly form: ImageForm
  readonly squash: boolean
  /** False: nothing stays in the store under a name. */
  readonly store: boolean
  readonly push: boolean
  /** Pushed under its digest alone. */
  readonly byDigest: boolean
}

/** An archive that other tools load, or the same as a folder. */
export interface ArchiveOutput {
  readonly kind: 'archive'
  readonly layout: 'oci' | 'docker'
  readonly names?: readonly string[]
  readonly form: ImageForm
  readonly squash: boolean
  readonly destination: Destination | { readonly folder: string }
}

/** The files of the result, with what is stated about them. */
export type FilesOutput = (
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'tar'; readonly destination: Destination }
) & {
  /** Into a folder for each platform, which several platforms need anyway. */
  readonly split: boolean
  /** Begins the names of the statements; a part of a name. */
  readonly attestationPrefix: string
}

/** `none` leaves only the build cache behind. */
export type BuildOutput = ImageOutput | ArchiveOutput | FilesOutput | { readonly kind: 'none' }

/** What a build does when it is told nothing else. */
export const imageOutput: ImageOutput = {
  kind: 'image',
  form: plainForm,
  squash: false,
  store: true,
  push: false,
  byDigest: false,
}
