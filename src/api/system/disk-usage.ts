import type { CacheUsage } from '../../builder/build.ts'
import { toContainerSummary } from '../convert/container-summary.ts'
import { toImageSummary } from '../convert/image-summary.ts'
import { toVolumeInspect } from '../convert/volume-inspect.ts'
import { wireTime } from '../convert/wire-time.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'

type Parts = Pick<ServedEngine, 'images' | 'containers' | 'volumes' | 'builder'>

/** `type`, several times, limits it to what is named. */
async function showDiskUsage({ query, version }: ApiRequest, engine: Parts): Promise<ApiResponse> {
  const types = query.list('type')
  const wants = (type: string): boolean => types.length === 0 || types.includes(type)
  const [images, containers, volumes, cache] = await Promise.all([
    wants('image') ? engine.images.diskUsage() : undefined,
    wants('container') ? engine.containers.list({ all: true, size: true }) : undefined,
    wants('volume') ? sizedVolumes(engine.volumes) : undefined,
    wants('build-cache') ? engine.builder.cacheUsage() : undefined,
  ])
  const now = Date.now()
  return json({
    ...(images && {
      // a layer that several images have lies there once
      LayersSize:
        images.reduce((sum, { size, sharedSize }) => sum + size - sharedSize, 0) + sharedOnce(images),
      Images: images.map((image) => toImageSummary(image, { sharedSize: true, version })),
    }),
    ...(containers && { Containers: containers.map((container) => toContainerSummary(container, now)) }),
    ...(volumes && { Volumes: volumes }),
    ...(cache && { BuildCache: cache.map(toCacheWire) }),
  })
}

/** An upper bound where it cannot be told which images share which layers: the most that one of them shares. */
function sharedOnce(images: readonly { readonly sharedSize: number }[]): number {
  return Math.max(0, ...images.map(({ sharedSize }) => sharedSize))
}

async function sizedVolumes(volumes: Parts['volumes']): Promise<unknown[]> {
  const found = await volumes.list()
  return Promise.all(
    found.map(async (volume) => ({
      ...toVolumeInspect(volume),
      UsageData: { RefCount: volume.usedBy.length, Size: await volumes.size(volume.name) },
    })),
  )
}

function toCacheWire(row: CacheUsage): Readonly<Record<string, unknown>> {
  return {
    ID: row.id,
    Parents: row.parents,
    Type: row.type,
    Description: row.description,
    InUse: false,
    Shared: row.shared,
    Size: row.size,
    CreatedAt: wireTime(row.createdAt),
    LastUsedAt: wireTime(row.lastUsedAt),
    UsageCount: row.uses,
  }
}

export const routes: readonly Route<'images' | 'containers' | 'volumes' | 'builder'>[] = [
  { method: 'GET', path: '/system/df', handle: showDiskUsage },
]
