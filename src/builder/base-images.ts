import type { ImageConfig } from '../oci/config.ts'
import type { ChainId, DiffId, Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { OpOptions } from '../util/progress.ts'
import type { Lease } from '../store/store.ts'

/** An image that a stage starts from or COPY takes files from. */
export interface BaseImage {
  /** The image ID. */
  readonly id: Digest
  /** Canonical name with the tag, for errors and history. */
  readonly name: string
  readonly config: ImageConfig
  readonly diffIds: readonly DiffId[]
  /** Undefined for an image without layers. */
  readonly chain?: ChainId
  /** Of the manifest or index the name resolved to. */
  readonly digest?: Digest
}

export interface ResolveOptions extends OpOptions {
  /** Ask the registry although the name is here. */
  readonly pull: boolean
  /** Ask no registry at all: OFFLINE when the image is not here. */
  readonly offline: boolean
  /** What the name has to lead to, whatever its tag says. LOCK_DRIFT when that cannot be had. */
  readonly pinned?: Digest | undefined
  /** Everything resolved is held by it, so that removing the name meanwhile does not hurt the build. */
  readonly lease: Lease
}

/**
 * Lent by the engine: finds images, pulls missing ones. Errors of kind not-found when there is no such image anywhere;
 * `details.suggestion` is a name that was probably meant.
 */
export interface BaseImages {
  /** In the store, its layers applied. */
  resolve(name: string, platform: Platform, options: ResolveOptions): Promise<BaseImage>
  /** As `resolve`, but its layers are neither fetched nor applied: for plans that do not run. */
  describe(name: string, platform: Platform, options: ResolveOptions): Promise<BaseImage>
  /** The manifest or index that a name leads to now: in its registry, for an image that came from none here. */
  digest(name: string, options: Pick<ResolveOptions, 'offline' | 'signal'>): Promise<Digest>
}
