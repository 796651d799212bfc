import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'

/** Room for a file whose path and line are as long as most are. */
const fileRoom = 112

/**
 * Paths with a line about each, in bytes: as strings in a map, those of 100,000 files would take 40 MB instead of 8.
 * Neither path nor line has a NUL in it.
 */
export class FileList implements Iterable<readonly [path: string, line: string]> {
  /** `path NUL line NUL`, file after file. */
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** `expected`: about how many there will be. */
  static from(files: Iterable<readonly [path: string, line: string]>, expected: number = 64): FileList {
    let bytes = Buffer.allocUnsafeSlow(expected * fileRoom)
    let used = 0
    const put = (text: string): void => {
      // at most three bytes of UTF-8 for each unit
      const most = used + text.length * 3 + 1
      if (most > bytes.length) bytes = Buffer.concat([bytes.subarray(0, used)], Math.max(most, used * 2))
      used += text.isWellFormed() ? bytes.write(text, used) : encodeBytes(text).copy(bytes, used)
      bytes[used++] = 0
    }
    for (const [path, line] of files) {
      put(path)
      put(line)
    }
    return new FileList(bytes.subarray(0, used))
  }

  get size(): number {
    let ends = 0
    for (const byte of this.bytes) if (byte === 0) ends++
    return ends / 2
  }

  *[Symbol.iterator](): Generator<readonly [path: string, line: string], void, undefined> {
    for (const at = new FileCursor(this.bytes); !at.isDone; at.next()) yield [at.path, at.line]
  }

  cursor(): FileCursor {
    return new FileCursor(this.bytes)
  }
}

/** A place in a list; nothing is decoded before it is asked for. */
export class FileCursor {
  readonly #bytes: Buffer
  #from = 0
  #middle = 0
  #end = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#find()
  }

  get isDone(): boolean {
    return this.#from >= this.#bytes.length
  }

  get path(): string {
    return decodeBytes(this.#bytes.subarray(this.#from, this.#middle))
  }

  get line(): string {
    return decodeBytes(this.#bytes.subarray(this.#middle + 1, this.#end))
  }

  next(): void {
    this.#from = this.#end + 1
    this.#find()
  }

  /** Do both stand at the same path with the same line? */
  isSame(other: FileCursor): boolean {
    if (other.#end - other.#from !== this.#end - this.#from) return false
    return this.#bytes.compare(other.#bytes, other.#from, other.#end, this.#from, this.#end) === 0
  }

  #find(): void {
    this.#middle = this.#endFrom(this.#from)
    this.#end = this.#endFrom(this.#middle + 1)
  }

  #endFrom(start: number): number {
    const end = this.#bytes.indexOf(0, start)
    return end < 0 ? this.#bytes.length : end
  }
}
