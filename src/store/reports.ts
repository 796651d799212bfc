import type { DiffId, Digest } from '../oci/digest.ts'

/** What a collection removed. */
export interface CollectReport {
  readonly blobs: number
  readonly snapshots: number
  readonly bytes: number
}

/** One thing that `check` found wrong. */
export interface Damage {
  readonly kind: string
  readonly object: string
  readonly reason: string
}

/** What takes space, bytes. */
export interface StoreUsage {
  readonly layers: readonly {
    readonly diffId: DiffId
    readonly size: number
    readonly images: readonly Digest[]
  }[]
  /** Bytes of unfinished downloads and uploads. */
  readonly ingests: number
  readonly blobs: number
}

/** What the builder tells about a build; kept as long as the image it led to. */
export interface BuildReportText {
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  /** JSON, the builder's own. */
  readonly text: string
}
