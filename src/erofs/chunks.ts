import { failure } from '../util/errors.ts'
import { blockBits, blockSize, chunkIndexSize, maxChunkBits, noBlock } from './format.ts'
import type { ErofsRange, ErofsFile } from './tree.ts'

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
  for (const range of file.ranges) {
    checkRange(range, end, file.size)
    end = range.at + range.length
    bits = Math.min(bits, alignmentBits(range.at), end === file.size ? maxChunkBits : alignmentBits(end))
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
function checkRange({ at, length, offset }: ErofsRange, from: number, size: number): void {
  const end = at + length
  const aligned = at % blockSize === 0 && offset % blockSize === 0 && (end % blockSize === 0 || end === size)
  if (!aligned || length <= 0 || at < from || end > size)
    throw failure('INTERNAL', {
      reason: `range ${String(at)}+${String(length)} at ${String(offset)} cannot be mapped`,
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
    const from = i * chunk
    while (endOf(file.ranges[index]) <= from) index++
    const range = file.ranges[index]
    const entry = position + i * chunkIndexSize
    if (range === undefined || range.at > from) {
      image.writeUInt32LE(noBlock, entry + 4)
      continue
    }
    const block = (range.offset + from - range.at) / blockSize
    const address = range.isSide === true ? sideBlock + block : block
    if (address >= noBlock)
      throw failure('LAYER_LIMIT', {
        what: 'size of a layer in 512-byte blocks',
        found: address,
        limit: noBlock,
      })
    image.writeUInt16LE(range.isSide === true ? 0 : 1, entry + 2)
    image.writeUInt32LE(address, entry + 4)
  }
}

function endOf(range: ErofsRange | undefined): number {
  return range === undefined ? Infinity : range.at + range.length
}
