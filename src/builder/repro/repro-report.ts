import type { Digest } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'

/** What two builds of the same sources led to. */
export interface ReproReport {
  /** Image ID, or digest of the index: of the first build, which is an ordinary one. */
  readonly id: Digest
  readonly second: Digest
  /** Where it came from; absent when the builds are identical. */
  readonly difference?: ReproDifference
  /** Where that is in the image, when it is another step that put it there. */
  readonly inImage?: ReproDifference
  /** The first of the steps before that had another result already, and may be the reason. */
  readonly earlier?: ReproDifference
}

export interface ReproDifference {
  readonly step?: ReproStep
  /** Where there are several. */
  readonly platform?: Platform
  /** A part of a tar entry (`content`, `mtime`, …), `config`, `base` or `squashed`. */
  readonly part: string
  /** Absolute in the image; a field of the config: `config.Env[2]`. */
  readonly path?: string
  /** Of an extended attribute. */
  readonly attribute?: string
  /** Of the first byte that differs, from 0. */
  readonly offset: number
  readonly first?: ReproExcerpt
  readonly second?: ReproExcerpt
}

export interface ReproStep {
  /** The instruction in one line. */
  readonly name: string
  /** Name or `stage-N`. */
  readonly stage: string
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** Bytes around the offset. */
export interface ReproExcerpt {
  /** Place of the first one. */
  readonly from: number
  readonly bytes: Uint8Array
}
