import { closeSync, openSync, readSync } from 'node:fs'

let pool: Buffer = Buffer.alloc(0)

/**
 * Unguessable bytes from the kernel (random(4)). Not by `node:crypto`: loading that takes 4 ms, and most commands need
 * nothing else of it.
 */
export function randomBytes(count: number): Buffer {
  if (pool.length < count) pool = readRandom(Math.max(count, 256))
  const bytes = pool.subarray(0, count)
  pool = pool.subarray(count)
  return bytes
}

/** `bytes` unguessable bytes as lower-case hex, twice as many characters. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

/** A whole number from `low` to below `high`; at most 2^32 apart. Every one is as likely as the others. */
export function randomBetween(low: number, high: number): number {
  const range = high - low
  const limit = 2 ** 32 - (2 ** 32 % range)
  for (;;) {
    const drawn = randomBytes(4).readUInt32LE()
    if (drawn < limit) return low + (drawn % range)
  }
}

function readRandom(count: number): Buffer {
  const descriptor = openSync('/dev/urandom', 'r')
  try {
    const bytes = Buffer.alloc(count)
    readSync(descriptor, bytes)
    return bytes
  } finally {
    closeSync(descriptor)
  }
}
