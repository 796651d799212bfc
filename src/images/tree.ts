import type { Digest } from '../oci/digest.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import type { TreeNode } from './images.ts'
import { familiarName } from './names.ts'

/**
 * Which image is built on which (A05). An image's parent is the one recorded at build, else the image with the longest
 * layer stack that its own stack begins with.
 */
export function imageTree(store: Store): TreeNode[] {
  const records = store.images.list().sort((a, b) => a.sequence - b.sequence)
  const children = Map.groupBy(records, (record) => parentOf(record, records))
  const node = (record: ImageRecord): TreeNode => ({
    id: record.id,
    tags: record.names.map(familiarName),
    size: record.size,
    children: (children.get(record.id) ?? []).map(node),
  })
  return (children.get(undefined) ?? []).map(node)
}

function parentOf(record: ImageRecord, records: readonly ImageRecord[]): Digest | undefined {
  if (records.some((other) => other.id === record.parent)) return record.parent
  const below = records.filter((other) => isBelow(other, record))
  const longest = below.sort((a, b) => stackOf(b).length - stackOf(a).length)[0]
  return longest?.id
}

/** Strictly shorter and not empty, so that there is no cycle and `scratch` images are nobody's parent. */
function isBelow(lower: ImageRecord, upper: ImageRecord): boolean {
  const stack = stackOf(lower)
  const whole = stackOf(upper)
  return (
    stack.length > 0 && stack.length < whole.length && stack.every((diffId, index) => diffId === whole[index])
  )
}

const stackOf = (record: ImageRecord): readonly string[] => record.config.rootfs.diff_ids
