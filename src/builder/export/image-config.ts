import type { HistoryEntry, ImageConfig } from '../../oci/config.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { ImagePlan } from '../plan/image-plan.ts'
import type { StepId } from '../plan/step.ts'
import type { StepResult } from '../session.ts'

export interface DraftOptions {
  /** `--label`s, over those of the Dockerfile. */
  readonly labels: Readonly<Record<string, string>>
  /** Seconds: the image says it was made then, so that the same input gives the same ID at any time. */
  readonly epoch: number
}

/** The image config that a finished plan leads to: nothing in it depends on when or where it was built. */
export function imageConfigOf(
  plan: ImagePlan,
  results: ReadonlyMap<StepId, StepResult>,
  { labels, epoch }: DraftOptions,
): ImageConfig {
  const { platform, author, baseHistory } = plan
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z')
  const own = plan.history.map(({ createdBy, step }): HistoryEntry => {
    const hasLayer = step !== undefined && results.get(step)?.added !== undefined
    return {
      created,
      created_by: createdBy,
      comment: 'buildkit.dockerfile.v0',
      ...(hasLayer ? {} : { empty_layer: true }),
    }
  })
  const Labels = { ...plan.config.Labels, ...labels }
  return {
    created,
    ...(author === undefined ? {} : { author }),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    ...(platform['os.version'] === undefined ? {} : { 'os.version': platform['os.version'] }),
    config: { ...plan.config, ...(Object.keys(Labels).length === 0 ? {} : { Labels }) },
    rootfs: { type: 'layers', diff_ids: diffIdsOf(plan, results) },
    history: [...completeHistory(plan, baseHistory), ...own],
  }
}

function diffIdsOf(plan: ImagePlan, results: ReadonlyMap<StepId, StepResult>): readonly DiffId[] {
  return plan.root === undefined ? [] : (results.get(plan.root)?.diffIds ?? [])
}

/** A base without a history row for each layer gets them, or the rows of this build would be matched to its layers. */
function completeHistory({ baseDiffIds }: ImagePlan, history: readonly HistoryEntry[]): HistoryEntry[] {
  const rows = history.filter(({ empty_layer }) => empty_layer !== true).length
  const missing = Math.max(0, baseDiffIds.length - rows)
  const filler: HistoryEntry[] = Array.from({ length: missing }, () => ({
    created_by: '',
    comment: 'layer of the base',
  }))
  return [...filler, ...history]
}
