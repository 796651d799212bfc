/** Bits into bytes, first bit lowest (RFC 1951, 3.1.1). `bytes` must be large enough for all that is written. */
export class BitWriter {
  readonly bytes: Uint8Array
  /** Whole bytes written. */
  length = 0
  /** Up to 15 bits that are no whole 16 yet. */
  held = 0
  heldBits = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** At most 16 bits; nothing above them may be set. */
  put(value: number, bits: number): void {
    this.held |= value << this.heldBits
    this.heldBits += bits
    if (this.heldBits < 16) return
    this.bytes[this.length++] = this.held
    this.bytes[this.length++] = this.held >>> 8
    this.held >>>= 16
    this.heldBits -= 16
  }

  /** Fills up to a whole byte with zeros. */
  align(): void {
    for (; this.heldBits > 0; this.heldBits -= 8) {
      this.bytes[this.length++] = this.held
      this.held >>>= 8
    }
    this.heldBits = 0
  }

  /** Whole bytes, after `align`. */
  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }
}
