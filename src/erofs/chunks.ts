import { failure } from '../util/errors.ts'
import { blockBits, blockSize, chunkIndexSize, maxChunkBits, noBlock } from './format.ts'
import type { ErofsExtent, ErofsFile } from './tree.ts'

/** How a file is cut: chunks of `blockSize << bits` bytes, each in one place of one source, or a hole. */
export interface ChunkPlan {
  readonly bits: number
  readonly count: number
}

/**
 * The biggest chunks that fit a file: one for a whole file; for a sparse one the bounds of its data decide.
 * Undefined for a file without data.
 */
export function planChunks(file: ErofsFile): ChunkPlan | undefined {
  if (file.size === 0) return undefined
  let bits = wholeFileBits(file.size)
  let end = 0
  for (const extent of file.extents) {
    checkExtent(extent, end, file.size)
    end = extent.offset + extent.length
    bits = Math.min(bits, alignmentBits(extent.offset), end === file.size ? maxChunkBits : alignmentBits(end))
  }
  return { bits, count: Math.ceil(file.size / (blockSize * 2 ** bits)) }
}

function wholeFileBits(size: number): number {
  const bits = Math.max(0, Math.ceil(Math.log2(size)) - blockBits)
  if (bits > maxChunkBits)
    throw failure('LAYER_LIMIT', {
      what: 'size of a file',
      found: size,
      limit: blockSize * 2 ** maxChunkBits,
    })
  return bits
}

/** Power of two that divides a multiple of the block size, above the block. */
function alignmentBits(position: number): number {
  if (position === 0) return maxChunkBits
  let bits = 0
  for (let unit = blockSize * 2; bits < maxChunkBits && position % unit === 0; unit *= 2) bits++
  return bits
}

/** Broken input would be mapped to other bytes of the device, so it must never get through. */
function checkExtent({ offset, length, at }: ErofsExtent, from: number, size: number): void {
  const end = offset + length
  const aligned = offset % blockSize === 0 && at % blockSize === 0 && (end % blockSize === 0 || end === size)
  if (!aligned || length <= 0 || offset < from || end > size)
    throw failure('INTERNAL', {
      reason: `extent ${String(offset)}+${String(length)} at ${String(at)} cannot be mapped`,
    })
}

/** Writes the index of each chunk at `position`: device number and block; `sideBlock` is where the side blob starts. */
export function writeChunks(
  image: Buffer,
  position: number,
  file: ErofsFile,
  plan: ChunkPlan,
  sideBlock: number,
): void {
  const chunk = blockSize * 2 ** plan.bits
  let index = 0
  for (let i = 0; i < plan.count; i++) {
    const offset = i * chunk
    while ((file.extents[index]?.offset ?? Infinity) + (file.extents[index]?.length ?? 0) <= offset) index++
    const extent = file.extents[index]
    const at = position + i * chunkIndexSize
    if (extent === undefined || extent.offset > offset) {
      image.writeUInt32LE(noBlock, at + 4)
      continue
    }
    const block = (extent.at + offset - extent.offset) / blockSize
    const device = extent.source === 'device'
    const address = device ? block : sideBlock + block
    if (address >= noBlock)
      throw failure('LAYER_LIMIT', {
        what: 'size of a layer in 512-byte blocks',
        found: address,
        limit: noBlock,
      })
    image.writeUInt16LE(device ? 1 : 0, at + 2)
    image.writeUInt32LE(address, at + 4)
  }
}
