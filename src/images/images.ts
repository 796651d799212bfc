import type { Readable, Writable } from 'node:stream'
import type { ImageConfig } from '../oci/config.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { PartialDownload } from '../store/reports.ts'
import type { OpOptions } from '../util/progress.ts'

/** An image of the store, or an index of several, as a list shows it. Sizes are bytes, times milliseconds. */
export interface ImageSummary {
  readonly id: Digest
  /** `alpine:latest`, in the short form Docker shows. */
  readonly repoTags: readonly string[]
  /** `alpine@sha256:…`. */
  readonly repoDigests: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Milliseconds; when it was built or added here. */
  readonly createdAt: number
  /** Bytes of the uncompressed layers. */
  readonly size: number
  /** Bytes of layers that other images have too. */
  readonly sharedSize: number
  /** Containers using it, running or not. */
  readonly containers: number
  readonly dangling: boolean
}

/** All that is known of an image without reading its layers. Source: OCI image specification, config. */
export interface ImageDetails extends ImageSummary {
  readonly config: ImageConfig
  readonly manifest: Descriptor
  readonly parent?: Digest
  readonly architecture: string
  readonly os: string
  readonly lastTaggedAt?: number
  /** What is stated about images of an index, by the manifest it is about. */
  readonly attestations?: readonly ImageStatement[]
}

/** An attestation that lies beside an image: provenance or a bill of materials. Source: in-toto statement v1. */
export interface ImageStatement {
  readonly subject: Digest
  readonly predicateType: string
  /** Of the in-toto statement. */
  readonly digest: Digest
  readonly size: number
}

/** What one instruction left in an image, as its config tells it. `size` is bytes of the layer as a tar. */
export interface HistoryRow {
  /** Image ID for the newest row and for rows that are a local image themselves, else undefined (`<missing>`). */
  readonly id?: Digest
  /** Milliseconds. */
  readonly createdAt: number
  readonly createdBy: string
  readonly size: number
  readonly comment: string
  readonly tags: readonly string[]
}

/** One line of what a removal did, in its order: a name that was taken away, or an image. */
export type RemovalLine = { readonly untagged: string } | { readonly deleted: Digest }

export interface RemoveOptions {
  /** Also what a stopped container uses, and by ID what has several names. */
  readonly force?: boolean
  /** With the image its untagged parents that nothing else needs; default true. */
  readonly prune?: boolean
  /** Refuses an image that is not of this platform, or of others too: an index is kept or removed as a whole. */
  readonly platform?: Platform
}

/** Which images: all that are given must hold. */
export interface ImageFilters {
  /** Docker's `--filter`: dangling, label, before, since, reference, until. */
  readonly dangling?: boolean
  readonly label?: readonly string[]
  readonly notLabel?: readonly string[]
  readonly before?: string
  readonly since?: string
  readonly reference?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly until?: number
}

/** What was removed, and the bytes of the disk that became free. */
export interface PruneReport {
  readonly removed: readonly RemovalLine[]
  readonly reclaimed: number
}

/** One platform of an index (default: this machine's), or every tag of a repository. */
export interface PullOptions extends OpOptions {
  readonly platform?: Platform
  readonly allTags?: boolean
}

export interface CopyOptions extends OpOptions {
  /** An index with all that it names; else the image for `platform`, or this machine's. */
  readonly all?: boolean
  readonly platform?: Platform
}

/** What one tag or digest led to. */
export interface PullResult {
  readonly id: Digest
  /** Of the manifest or index that the name resolved to. */
  readonly digest: Digest
  /** Canonical name: `docker.io/library/alpine:latest`. */
  readonly name: string
  /** False: `Image is up to date`. */
  readonly changed: boolean
}

/** What one tag is in the registry now. */
export interface PushResult {
  readonly tag: string
  readonly digest: Digest
  /** Bytes of the manifest. */
  readonly size: number
}

/** An image, and those that are built on it. `size` is bytes of all its layers. */
export interface TreeNode {
  readonly id: Digest
  readonly tags: readonly string[]
  readonly size: number
  readonly children: readonly TreeNode[]
}

/** Everything done with images that are in the store. Names are as the user typed them. Errors: NO_SUCH_IMAGE, REFERENCE_INVALID, IMAGE_IN_USE_RUNNING, IMAGE_IN_USE_STOPPED, … */
export interface Images {
  /** Newest first; with `all` also what lies below tagged images. */
  list(filters?: ImageFilters & { readonly all?: boolean }): Promise<ImageSummary[]>
  /** Of an index the image for `platform`, else this machine's; IMAGE_PLATFORM_MISSING. */
  inspect(nameOrId: string, options?: { readonly platform?: Platform }): Promise<ImageDetails>
  /** Newest step first. */
  history(nameOrId: string, options?: { readonly platform?: Platform }): Promise<HistoryRow[]>
  /** One more name; one that another image had moves. NO_SUCH_IMAGE, REFERENCE_INVALID. */
  tag(source: string, target: string): Promise<void>
  /** Takes the name away, and with the last one the image (A32, A33). IMAGE_IN_USE_RUNNING, IMAGE_IN_USE_STOPPED. */
  remove(nameOrId: string, options?: RemoveOptions): Promise<RemovalLine[]>
  /** Dangling images, with `all` every one that no container uses. */
  prune(options: Omit<ImageFilters, 'dangling'> & { readonly all?: boolean }): Promise<PruneReport>
  /** Fetches, verifies and makes durable; nothing is listed before it is whole. What is here is not fetched again. */
  pull(name: string, options?: PullOptions): Promise<PullResult[]>
  /** The config of an image in its registry; its layers are not fetched and nothing of it is kept. */
  readConfig(
    name: string,
    options?: PullOptions,
  ): Promise<{ readonly id: Digest; readonly config: ImageConfig }>
  /** As `inspect`, of what its registry has: no layer is fetched and nothing of it is kept. */
  inspectRemote(name: string, options?: OpOptions & { readonly platform?: Platform }): Promise<ImageDetails>
  /** Of the manifest or index that a name leads to in its registry; nothing is fetched. */
  digest(name: string, options?: OpOptions): Promise<Digest>
  /** Sends what the registry lacks, the manifest last. */
  push(
    name: string,
    options?: OpOptions & { readonly allTags?: boolean; readonly platform?: Platform },
  ): Promise<PushResult[]>
  /**
   * From one of `REF`, `oci:FOLDER[:TAG]`, `archive:FILE`, `store:NAME` to another; returns the manifest or index that is
   * there now, of the same digest.
   */
  copy(source: string, destination: string, options?: CopyOptions): Promise<Descriptor>
  /** An archive with both layouts, OCI and Docker's; deterministic. */
  save(
    names: readonly string[],
    sink: Writable,
    options?: OpOptions & { readonly platform?: Platform },
  ): Promise<void>
  /** Docker or OCI archive, plain, gzip, zstd (bzip2 and xz by program); members are streamed, never extracted. */
  load(source: Readable, options?: OpOptions & { readonly platform?: Platform }): Promise<LoadedImage[]>
  /** A root file system tar as an image of one layer. */
  import(source: Readable, options: ImportOptions): Promise<Digest>
  tree(): Promise<TreeNode[]>
  /** Layers above those of `base` become one; history is kept (A26). */
  squash(
    nameOrId: string,
    options?: { readonly base?: string; readonly names?: readonly string[] } & OpOptions,
  ): Promise<Digest>
  /** Makes a base image from this machine's Debian packages: `busybox`, `debian:bookworm`, … */
  bootstrap(name: string, options?: OpOptions & { readonly variant?: string }): Promise<Digest>
  diskUsage(): Promise<ImageSummary[]>
  /** What failed pulls left for the next try; `prune` without filters takes it, a week without use does too. */
  partialDownloads(): Promise<readonly PartialDownload[]>
}

/** What an archive held: by its name, or by its ID when it has none there. */
export type LoadedImage = { readonly name: string } | { readonly id: Digest }

/** What becomes of a file system without a config: its name, its history row, its config. */
export interface ImportOptions extends OpOptions {
  readonly reference?: string
  readonly message?: string
  /** Dockerfile instructions: CMD, ENV, … (C13). */
  readonly changes?: readonly string[]
  readonly platform?: Platform
}

/** Lent by `containers` through the engine: who uses an image. */
export interface ImageUsers {
  usersOf(id: Digest): Promise<
    readonly {
      readonly containerId: string
      readonly name: string
      readonly running: boolean
      readonly reference: string
    }[]
  >
}
