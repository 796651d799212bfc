import { createHash } from 'node:crypto'
import { blockSize, deviceSlotOffset, superMagic, superOffset, uuidLength, uuidOffset } from './format.ts'

/** Is the image, byte for byte, one that `writeErofs` made? Its UUID is the hash of all the rest. */
export function isIntactErofs(image: Buffer): boolean {
  const end = uuidOffset + uuidLength
  if (image.length < end || image.readUInt32LE(superOffset) !== superMagic) return false
  return image.subarray(uuidOffset, end).equals(contentUuid(image))
}

/** As much of an image as `fitsDevice` needs. */
export const headLength: number = deviceSlotOffset + 68

/** Does an image that begins with `head` belong to a device of so many bytes? */
export function fitsDevice(head: Buffer, bytes: number): boolean {
  if (head.length < headLength || head.readUInt32LE(superOffset) !== superMagic) return false
  return head.readUInt32LE(deviceSlotOffset + 64) === Math.ceil(bytes / blockSize)
}

/** The UUID of an image by its content, whatever stands in the UUID's own place. */
export function contentUuid(image: Buffer): Buffer {
  return createHash('sha256')
    .update(image.subarray(0, uuidOffset))
    .update(Buffer.alloc(uuidLength))
    .update(image.subarray(uuidOffset + uuidLength))
    .digest()
    .subarray(0, uuidLength)
}
