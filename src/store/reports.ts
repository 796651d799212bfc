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

/** What a download left that failed, kept for the next try. */
export interface PartialDownload {
  /** Bytes. */
  readonly size: number
  /** A process is at it right now. */
  readonly inUse: boolean
}

/** What the builder tells about a build; kept as long as the image it led to. */
export interface BuildReportText {
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  /** JSON, the builder's own. */
  readonly text: string
}
