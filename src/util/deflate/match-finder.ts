import { longestMatch, windowSize } from './tables.ts'

/** How hard matches are looked for. */
export interface Effort {
  /** Earlier places tried for one match. */
  readonly candidates: number
  /** A match this long is taken without a look at whether the next byte begins a longer one. */
  readonly good: number
  /** A match this long is not bettered. */
  readonly enough: number
}

/** Shorter ones save next to nothing, and are found by chance. */
const shortestMatch = 4
const hashBits = 14
const mask = windowSize - 1

/** Finds earlier places of the same bytes: chains of places whose first four bytes have one hash, the latest first. */
export class MatchFinder {
  readonly #last = new Int32Array(1 << hashBits)
  /** Only followed from places of the present input, so it need not be cleared. */
  readonly #previous = new Int32Array(windowSize)
  #input: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #effort: Effort = { candidates: 0, good: 0, enough: 0 }
  /** The last place where a match can begin. */
  #end = 0

  begin(input: Uint8Array, effort: Effort): void {
    this.#input = input
    this.#view = new DataView(input.buffer, input.byteOffset, input.length)
    this.#effort = effort
    this.#end = input.length - shortestMatch
    this.#last.fill(-1)
  }

  /**
   * The longest match for the bytes at `at` that is longer than `least`, as length << 16 | distance; 0 for none. Places
   * have to be asked for or skipped one after the other.
   */
  find(at: number, least: number): number {
    if (at > this.#end) return 0
    const { candidates, enough } = this.#effort
    const input = this.#input
    const view = this.#view
    const start = view.getInt32(at, true)
    let place = this.#insert(at, start)
    if (least >= enough) return 0
    const most = Math.min(input.length - at, longestMatch)
    let length = Math.max(least, shortestMatch - 1)
    if (length >= most) return 0
    let found = 0
    // the last four bytes of a longer match must be there: most candidates fail at those
    let tail = view.getInt32(at + length - 3, true)
    for (let left = candidates; left > 0 && place >= 0 && at - place <= windowSize; left--) {
      if (view.getInt32(place + length - 3, true) === tail && view.getInt32(place, true) === start) {
        let same = shortestMatch
        while (same + 4 <= most && view.getInt32(place + same, true) === view.getInt32(at + same, true))
          same += 4
        while (same < most && input[place + same] === input[at + same]) same++
        if (same > length) {
          length = same
          found = (length << 16) | (at - place)
          if (length >= enough || length === most) break
          tail = view.getInt32(at + length - 3, true)
        }
      }
      place = this.#previous[place & mask] as number
    }
    return found
  }

  /** Lets the places from `from` up to `to` be found later. */
  skip(from: number, to: number): void {
    const end = Math.min(to, this.#end + 1)
    for (let at = from; at < end; at++) this.#insert(at, this.#view.getInt32(at, true))
  }

  /** Returns the latest place with the same hash, -1 for none. */
  #insert(at: number, start: number): number {
    const hash = Math.imul(start, -1_640_531_535) >>> (32 - hashBits)
    const place = this.#last[hash] as number
    this.#last[hash] = at
    this.#previous[at & mask] = place
    return place
  }
}
