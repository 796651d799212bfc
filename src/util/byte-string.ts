/**
 * File names are bytes; mille keeps them as strings that lose nothing. Valid UTF-8 becomes the plain text; each byte
 * that is no part of valid UTF-8 becomes the lone surrogate U+DC80..U+DCFF (0xDC00 + byte), which no valid UTF-8 can
 * yield, so two different names never become one string. Source: the idea of PEP 383.
 */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const escaped = /[\uDC80-\uDCFF]/g

/** The text of `bytes`; `encodeBytes` gives exactly the same bytes back. */
export function decodeBytes(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = view.toString('utf8')
  if (!text.includes('\uFFFD')) return text
  return decodeStrictly(view)
}

/** The bytes of a string made by `decodeBytes`, or of any well-formed string: UTF-8. */
export function encodeBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')
  const parts: Buffer[] = []
  let from = 0
  for (const match of text.matchAll(escaped)) {
    parts.push(
      Buffer.from(text.slice(from, match.index), 'utf8'),
      Buffer.of(text.charCodeAt(match.index) & 0xff),
    )
    from = match.index + 1
  }
  parts.push(Buffer.from(text.slice(from), 'utf8'))
  return Buffer.concat(parts)
}

function decodeStrictly(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length === 0) text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    else text += bytes.toString('utf8', at, at + length)
    at += Math.max(1, length)
  }
  return text
}

/** Bytes of the valid UTF-8 sequence at `at`, 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length < 2 || at + length > bytes.length) return length === 1 ? 1 : 0
  try {
    utf8.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
  }
}
