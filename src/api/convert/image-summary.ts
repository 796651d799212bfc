import type { ImageFilters, ImageSummary, RemovalLine } from '../../images/images.ts'
import type { Filters } from '../http/query.ts'
import { given } from './given.ts'
import { parsePruneFilters } from './prune-filters.ts'

type Wire = Readonly<Record<string, unknown>>

/** An image as lists show it. Sizes shared with others are told only when asked for. */
export function toImageSummary(
  image: ImageSummary,
  wish: { readonly sharedSize: boolean; readonly version: number },
): Wire {
  return {
    Containers: image.containers,
    Created: Math.floor(image.createdAt / 1000),
    Id: image.id,
    Labels: Object.keys(image.labels).length === 0 ? null : image.labels,
    ParentId: '',
    RepoDigests: image.repoDigests,
    RepoTags: image.repoTags,
    SharedSize: wish.sharedSize ? image.sharedSize : -1,
    Size: image.size,
    ...(wish.version < 44 && { VirtualSize: image.size }),
  }
}

const listFilters = ['dangling', 'label', 'label!', 'before', 'since', 'reference', 'until']

/** INVALID_ARGUMENT for others than Docker's. */
export function toImageFilters(filters: Filters): ImageFilters {
  const { all: _all, ...common } = parsePruneFilters(filters, listFilters)
  return {
    ...common,
    ...given({
      before: filters['before']?.at(-1),
      since: filters['since']?.at(-1),
      reference: filters['reference'],
    }),
  }
}

export function toRemovalWire(line: RemovalLine): Wire {
  return 'untagged' in line ? { Untagged: line.untagged } : { Deleted: line.deleted }
}
