/** Data types of the SSH protocol. Source: RFC 4251, section 5. */

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function string(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A number that is not negative, from its big-endian bytes. */
export function mpint(value: Uint8Array): Buffer {
  const first = value.findIndex((byte) => byte !== 0)
  const digits = first < 0 ? new Uint8Array() : value.subarray(first)
  const isSigned = ((digits[0] ?? 0) & 0x80) !== 0
  return string(isSigned ? Buffer.concat([Buffer.alloc(1), digits]) : digits)
}

/** Reads one value after the other; a RangeError at the end of the bytes. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  string(): Buffer {
    const length = this.uint32()
    if (length > this.#bytes.length - this.#at) throw new RangeError('a string ends behind its message')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A number without the zero that keeps it from being negative. */
  mpint(): Buffer {
    const bytes = this.string()
    return bytes[0] === 0 ? bytes.subarray(1) : bytes
  }
}
