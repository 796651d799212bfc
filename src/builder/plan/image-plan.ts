import type { CheckFacts } from '../../dockerfile/check-scope.ts'
import type { ContainerConfig, HistoryEntry } from '../../oci/config.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'
import type { BaseImage } from '../base-images.ts'
import type { BuildStep, StepId } from './step.ts'

/** A row of `history`; one that belongs to a step has a layer when the step made one. */
export interface HistoryRow {
  readonly createdBy: string
  readonly step?: StepId
}

/** What the exporter makes the image from, once the steps have run. */
export interface ImagePlan {
  readonly platform: Platform
  readonly author?: string
  readonly config: ContainerConfig
  /** History of the base, unchanged. */
  readonly baseHistory: readonly HistoryEntry[]
  readonly baseDiffIds: readonly DiffId[]
  readonly base?: BaseImage
  readonly history: readonly HistoryRow[]
  /** The step whose file system the image has; undefined is empty. */
  readonly root?: StepId
}

export interface BuildPlan {
  /** Only the steps the target needs, inputs before users. */
  readonly steps: readonly BuildStep[]
  readonly image: ImagePlan
  readonly warnings: readonly PlanWarning[]
  /** What checks must know to be sure. */
  readonly facts: CheckFacts
}

export interface PlanWarning {
  readonly rule: string
  readonly message: string
  readonly line?: number
}
