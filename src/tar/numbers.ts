import { second } from './format.ts'

/**
 * Reads a number field: octal text with leading spaces, ended by space or NUL; or base-256 (first bit set), two's
 * complement, as GNU and star write it. Empty is 0. Undefined when it is neither, or beyond 2^53 - 1 either way: a
 * rounded size would make this reader see other entries than the next one (GHSA-8x88-c5mf-7j5w).
 */
export function readNumber(bytes: Uint8Array, at: number, length: number): number | undefined {
  const first = bytes[at] ?? 0
  if ((first & 0x80) !== 0) return readBase256(bytes, at, length)
  const end = at + length
  let from = at
  while (from < end && bytes[from] === 0x20) from++
  let value = 0
  for (; from < end; from++) {
    const digit = (bytes[from] ?? 0) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  for (; from < end; from++) if (bytes[from] !== 0x20 && bytes[from] !== 0) return undefined
  return Number.isSafeInteger(value) ? value : undefined
}

function readBase256(bytes: Uint8Array, at: number, length: number): number | undefined {
  const negative = ((bytes[at] ?? 0) & 0x40) !== 0
  let value = negative ? -1n : 0n
  for (let i = 0; i < length; i++) {
    const byte = i === 0 && !negative ? (bytes[at] ?? 0) & 0x7f : (bytes[at + i] ?? 0)
    value = (value << 8n) | BigInt(byte)
  }
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/** A decimal number of a PAX record: digits only. Undefined when it is not, or beyond 2^53 - 1. */
export function readDecimal(text: string): number | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** A PAX time, `-12.34` seconds, as nanoseconds; digits past the ninth are cut towards the past. Undefined when malformed. */
export function readPaxTime(text: string): bigint | undefined {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]{0,40}))?$/.exec(text)
  if (match === null) return undefined
  const fraction = match[3] ?? ''
  const whole = BigInt(match[2] ?? '0') * second + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  if (match[1] !== '-') return whole
  return /[1-9]/.test(fraction.slice(9)) ? -whole - 1n : -whole
}

/** The shortest PAX form of a time: whole seconds without a point, no trailing zeros. */
export function writePaxTime(time: bigint): string {
  const positive = time < 0n ? -time : time
  const fraction = (positive % second).toString().padStart(9, '0').replace(/0+$/, '')
  const whole = `${time < 0n ? '-' : ''}${(positive / second).toString()}`
  return fraction === '' ? whole : `${whole}.${fraction}`
}
