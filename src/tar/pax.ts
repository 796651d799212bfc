import { decodeBytes, encodeBytes } from '../util/byte-string.ts'

/** One `length key=value` record. */
export interface PaxRecord {
  /** ASCII in every known key; as `decodeBytes` gives it. */
  readonly key: string
  readonly value: Buffer
}

/**
 * Splits a PAX header into its records, in order, repeated keys kept: GNU sparse 0.0 repeats them.
 * Returns the reason instead when a record is malformed: no length, a length of nothing or past the end, no `=`, no
 * newline. A record always moves on, so nothing can make it stand still.
 * Source: POSIX pax, "pax Extended Header".
 */
export function parsePaxRecords(bytes: Buffer): PaxRecord[] | string {
  const records: PaxRecord[] = []
  for (let at = 0; at < bytes.length;) {
    let digits = at
    let length = 0
    for (; digits < at + 8; digits++) {
      const digit = (bytes[digits] ?? 0) - 0x30
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
    }
    if (digits === at || bytes[digits] !== 0x20) return 'PAX record without a length'
    const end = at + length
    if (end > bytes.length || end <= digits + 1) return 'PAX record with a wrong length'
    if (bytes[end - 1] !== 0x0a) return 'PAX record without a newline at its end'
    const equals = bytes.indexOf(0x3d, digits + 1)
    if (equals < 0 || equals >= end - 1 || equals === digits + 1) return 'PAX record without key=value'
    records.push({
      key: decodeBytes(bytes.subarray(digits + 1, equals)),
      value: bytes.subarray(equals + 1, end - 1),
    })
    at = end
  }
  return records
}

/** One record; its length counts its own digits. */
export function writePaxRecord(key: string, value: Uint8Array): Buffer {
  const name = encodeBytes(key)
  const rest = name.length + value.length + 3
  let length = rest + String(rest).length
  if (String(length).length > String(rest).length) length++
  return Buffer.concat([Buffer.from(`${String(length)} `), name, Buffer.from('='), value, Buffer.from('\n')])
}
