import type { ImageSummary } from '../../images/images.ts'
import { shortId } from '../../oci/digest.ts'
import { humanSize } from '../../util/human-size.ts'
import type { RowFields } from '../format/print-rows.ts'
import { goTime } from '../format/units.ts'
import { humanDuration } from '../../util/human-duration.ts'

export const imageHeaders = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
}

interface RowOptions {
  readonly now: number
  readonly digests?: boolean
  readonly noTrunc?: boolean
}

const none = '<none>'

/** One row for each name of an image; one of `<none>` when it has no name. */
export function imageRows(image: ImageSummary, options: RowOptions): RowFields[] {
  return imageNames(image, options.digests ?? false).map(([repository, tag, digest]) => ({
    ID: options.noTrunc ? image.id : shortId(image.id),
    Repository: repository,
    Tag: tag,
    Digest: digest,
    CreatedSince: `${humanDuration(options.now - image.createdAt)} ago`,
    CreatedAt: goTime(image.createdAt),
    Size: humanSize(image.size, 3),
    Containers: String(image.containers),
    VirtualSize: humanSize(image.size),
    SharedSize: humanSize(image.sharedSize),
    UniqueSize: humanSize(image.size - image.sharedSize),
  }))
}

type NameRow = readonly [repository: string, tag: string, digest: string]

function imageNames(image: ImageSummary, digests: boolean): readonly NameRow[] {
  const byRepository = new Map<string, string[]>()
  for (const name of image.repoDigests) {
    const [repository = '', digest = ''] = name.split('@')
    byRepository.set(repository, [...(byRepository.get(repository) ?? []), digest])
  }
  const rows: NameRow[] = []
  const tagged = new Set<string>()
  for (const name of image.repoTags) {
    const colon = name.lastIndexOf(':')
    const repository = name.slice(0, colon)
    tagged.add(repository)
    const known = digests ? (byRepository.get(repository) ?? []) : []
    for (const digest of known.length === 0 ? [none] : known)
      rows.push([repository, name.slice(colon + 1), digest])
  }
  for (const [repository, known] of byRepository) {
    if (tagged.has(repository)) continue
    for (const digest of digests ? known : [none]) rows.push([repository, none, digest])
  }
  return rows.length === 0 ? [[none, none, none]] : rows
}
