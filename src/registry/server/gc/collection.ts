import type { Digest } from '../../../oci/digest.ts'

/** Which tags and manifests of some repositories go. Times are in ms. */
export interface RetentionRule {
  /** As in access rules; the first rule that fits a repository counts, and no other. */
  readonly repositories: readonly string[]
  /** Patterns (`*` is any part) of the tags that may go; default all. */
  readonly tags?: readonly string[]
  /** Patterns of tags that never go. */
  readonly keepTags?: readonly string[]
  /** A tag goes when none of these three keeps it; without any of them all tags stay. The newest stay, by their push. */
  readonly keepLast?: number
  readonly keepPushedWithin?: number
  readonly keepPulledWithin?: number
  /** Manifests that neither a tag nor another manifest needs go when they were pushed and pulled longer ago than this. */
  readonly untagged?: number
}

export interface CollectOptions {
  readonly retention: readonly RetentionRule[]
  /** Blobs that no manifest names go when they were pushed, mounted or asked for longer ago than this, ms. */
  readonly grace: number
  /** Says what would go, and changes nothing. */
  readonly dryRun: boolean
}

export interface RemovedTag {
  readonly repository: string
  readonly tag: string
  readonly digest: Digest
}

export interface CollectReport {
  readonly dryRun: boolean
  readonly tags: readonly RemovedTag[]
  readonly manifests: readonly { readonly repository: string; readonly digest: Digest }[]
  readonly blobs: readonly { readonly repository: string; readonly digest: Digest }[]
  /** Bytes of blobs that no repository holds any more. */
  readonly freed: number
  /** Blobs that no manifest names, and that are too young to go or belong to a push under way. */
  readonly kept: number
}

export interface DamagedBlob {
  readonly digest: Digest
  readonly reason: string
  /** `repository` or `repository:tag` of what needs it. */
  readonly needed: readonly string[]
}

export interface ScrubReport {
  readonly blobs: number
  readonly bytes: number
  /** Put aside, and unknown until they are pushed again. */
  readonly damaged: readonly DamagedBlob[]
}

/** A storage that can be cleaned and checked while it is used. */
export interface Collectable {
  /** Removes what the rules give up, and then blobs that no manifest names. What a push under way needs stays. */
  collect(options: CollectOptions): Promise<CollectReport>
  /** Reads all that is stored, and hashes it. */
  scrub(): Promise<ScrubReport>
}
