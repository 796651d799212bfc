import type { Descriptor } from '../../oci/descriptor.ts'
import type { Annotation } from '../../oci/image-form.ts'
import type { Manifest, ManifestDocument } from '../../oci/manifest.ts'
import type { Platform } from '../../oci/platform.ts'
import type { OpOptions } from '../../util/progress.ts'

/** One image behind a name in a registry: its manifest, and its config as it is there. */
export interface RemoteMember {
  /** With the platform: the index's word, else the config's. */
  readonly descriptor: Descriptor
  readonly raw: Buffer
  readonly manifest: Manifest
  /** Absent when the manifest is of no image. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Statements that an attestation manifest of the index makes about it, by predicate type. */
  readonly predicates: ReadonlyMap<string, unknown>
}

export interface RemoteImage {
  /** As it was typed, with the tag that was meant. */
  readonly name: string
  readonly document: ManifestDocument
  readonly members: readonly RemoteMember[]
}

/** Something an index is made of: a manifest in a registry. */
export interface Source {
  /** Names the repository that has it. */
  readonly reference: string
  readonly descriptor: Descriptor
}

export interface CombineRequest {
  /** Names, or descriptors of what the repository of the first target has. */
  readonly sources: readonly (string | Descriptor)[]
  readonly targets: readonly string[]
  /** What the first target has already stays. */
  readonly append: boolean
  /** Only these; empty is all. */
  readonly platforms: readonly Platform[]
  readonly annotations: readonly Annotation[]
  /** False: a single source that is one manifest is taken as it is. */
  readonly preferIndex: boolean
}

export interface EditRequest {
  /** Dockerfile instructions: CMD, ENV, … */
  readonly changes: readonly string[]
  /** Of the manifest, and of an index too. */
  readonly annotations: Readonly<Record<string, string>>
  /** Default: the name itself. */
  readonly target?: string
}

export interface CombinedImage {
  readonly descriptor: Descriptor
  readonly raw: Buffer
  /** Where to find what it names. */
  readonly sources: readonly Source[]
}

/** A manifest list in the making (C20), as the store keeps it. */
export interface ManifestDraft {
  readonly name: string
  readonly entries: readonly Source[]
}

export interface AnnotateOptions {
  readonly os?: string
  readonly architecture?: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** Manifests and lists of them in registries (A49, A50, B98): nothing of a layer is fetched. */
export interface Manifests {
  /** MANIFEST_UNKNOWN when the registry has no such name. */
  inspect(name: string, options?: OpOptions): Promise<RemoteImage>
  /**
   * An image like another with other settings, in its registry; no layer is moved. Returns what has the name now.
   * CHANGE_INVALID, CHANGE_NOT_ALLOWED.
   */
  edit(name: string, request: EditRequest, options?: OpOptions): Promise<Descriptor>
  /** The tags of a repository, page by page. */
  tags(name: string, options?: OpOptions): AsyncIterable<string>
  /** What a new image of these sources would be; writes nothing. */
  combine(request: CombineRequest, options?: OpOptions): Promise<CombinedImage>
  /** Brings it with everything it names to each target. */
  publish(combined: CombinedImage, targets: readonly string[], options?: OpOptions): Promise<void>

  /** Begins or amends a draft. MANIFEST_DRAFT_EXISTS, MANIFEST_IS_LIST. */
  create(
    name: string,
    sources: readonly string[],
    options?: OpOptions & { readonly amend?: boolean },
  ): Promise<void>
  /** NO_SUCH_MANIFEST when there is no such draft, or it has no such entry. */
  annotate(name: string, entry: string, options: AnnotateOptions): Promise<void>
  /** Adds images to a draft that is there, with `all` every image of a list; `entry` is said about each. */
  add(
    name: string,
    sources: readonly string[],
    options?: OpOptions & { readonly all?: boolean; readonly entry?: AnnotateOptions },
  ): Promise<void>
  findDraft(name: string): Promise<ManifestDraft | undefined>
  /** Pushes every manifest of the draft and then the list; `onPushed` is told of each manifest. */
  push(
    name: string,
    options?: OpOptions & {
      readonly purge?: boolean
      readonly onPushed?: (reference: string, digest: string) => void
    },
  ): Promise<Descriptor>
  removeDraft(name: string): Promise<void>
}
