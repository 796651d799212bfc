import type { Descriptor } from '../../oci/descriptor.ts'
import type { Manifest } from '../../oci/manifest.ts'
import type { OpOptions } from '../../util/progress.ts'

export interface ArtifactFile {
  readonly path: string
  /** Default `application/octet-stream`. */
  readonly mediaType?: string
}

export interface ArtifactOptions extends OpOptions {
  /** What it is: a media type of the user's own. Default `application/vnd.unknown.artifact.v1`. */
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Things in registries that are no images, and what is attached to images (C21, D14). Nothing of them is in the store. */
export interface Artifacts {
  /** Files as one artifact under `name`; each keeps its name as a title. */
  push(name: string, files: readonly ArtifactFile[], options?: ArtifactOptions): Promise<Descriptor>
  /** Writes the files of an artifact below `folder`; ARTIFACT_INVALID when one would lie elsewhere. Returns their paths. */
  pull(name: string, folder: string, options?: OpOptions): Promise<readonly string[]>
  /** As `push`, without a name: found by the image that it is about. Of an index the index itself. */
  attach(subject: string, files: readonly ArtifactFile[], options?: ArtifactOptions): Promise<Descriptor>
  /** What is attached to an image. */
  discover(
    subject: string,
    options?: OpOptions & { readonly artifactType?: string },
  ): Promise<{ readonly subject: Descriptor; readonly referrers: readonly Descriptor[] }>
  /** The manifest of an artifact. NOT_AN_ARTIFACT for a list of images. */
  inspect(
    name: string,
    options?: OpOptions,
  ): Promise<{ readonly descriptor: Descriptor; readonly manifest: Manifest }>
}
