import type { BuildRequest } from './build.ts'
import { type RemoteRecord, withInlineCache } from './cache/remote/cache-document.ts'
import { type BuiltSteps, recordsOf } from './cache/remote/export-cache.ts'
import { epochOf } from './epoch.ts'
import type { FinishedImage } from './export/export-build.ts'
import { imageConfigOf } from './export/image-config.ts'
import type { PlatformPlan } from './platform-plans.ts'

/** The image that the steps of one platform led to. */
export function finishedImage(
  request: BuildRequest,
  { platform, plan: { image } }: PlatformPlan,
  built: BuiltSteps,
): FinishedImage {
  const { base, baseDiffIds } = image
  const config = imageConfigOf(image, built.results, { labels: request.labels, epoch: epochOf(request) })
  const inline = inlineRecords(request, built)
  return {
    platform,
    config: inline === undefined ? config : withInlineCache(config, inline),
    baseLayers: baseDiffIds.length,
    ...(base === undefined ? {} : { parent: base.id }),
  }
}

/** What an image holds of its own making, when that is asked for: by `type=inline`, or in Docker's old way. */
function inlineRecords(
  { cacheTo = [], buildArgs }: BuildRequest,
  built: BuiltSteps,
): RemoteRecord[] | undefined {
  const isInline = cacheTo.some(({ address }) => address.type === 'inline')
  if (!isInline && buildArgs['BUILDKIT_INLINE_CACHE'] !== '1') return undefined
  return recordsOf(built, 'min').filter(({ layer }) => layer !== undefined)
}
