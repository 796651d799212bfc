import { localTimeFlag, type TableColumns } from './table-columns.ts'

const billion = 1_000_000_000n

/** So few times are looked for one by one: `indexOf` goes through a million rows before a loop of ours is compiled. */
const few = 8

/** Times (nanoseconds) that files of a layer show on this machine only: its tar has a constant in their place. */
export class LocalTimes implements Iterable<bigint> {
  readonly #rows: Pick<TableColumns, 'types' | 'seconds' | 'nanoseconds'>

  private constructor(rows: Pick<TableColumns, 'types' | 'seconds' | 'nanoseconds'>) {
    this.#rows = rows
  }

  /** Of a pulled layer, whose tar has all there is. */
  static readonly none: LocalTimes = new LocalTimes({
    types: new Uint8Array(),
    seconds: new Float64Array(),
    nanoseconds: new Uint32Array(),
  })

  /** Copies what it needs: the columns may be views of a large file. */
  static of({ types, seconds, nanoseconds }: TableColumns): LocalTimes {
    return new LocalTimes({
      types: types.slice(),
      seconds: seconds.slice(),
      nanoseconds: nanoseconds.slice(),
    })
  }

  /** Those of `wanted` that are among them, or are one of them cut to whole seconds, as tar and rsync copy it. */
  among(wanted: ReadonlySet<bigint>): Set<bigint> {
    if (wanted.size <= few) return new Set([...wanted].filter((time) => this.#has(time)))
    const all = new Set<bigint>()
    for (const time of this) all.add(time).add(time - nanosecondsOf(time))
    return new Set([...wanted].filter((time) => all.has(time)))
  }

  #has(time: bigint): boolean {
    const { seconds, nanoseconds } = this.#rows
    const part = Number(nanosecondsOf(time))
    const second = Number((time - BigInt(part)) / billion)
    const [column, value] = part === 0 ? [seconds, second] : [nanoseconds, part]
    for (let row = column.indexOf(value); row >= 0; row = column.indexOf(value, row + 1))
      if (seconds[row] === second && this.#isLocal(row)) return true
    return false
  }

  *[Symbol.iterator](): Generator<bigint> {
    const { seconds, nanoseconds } = this.#rows
    for (let row = 0; row < seconds.length; row++)
      if (this.#isLocal(row)) yield BigInt(seconds[row] ?? 0) * billion + BigInt(nanoseconds[row] ?? 0)
  }

  #isLocal(row: number): boolean {
    return ((this.#rows.types[row] ?? 0) & localTimeFlag) !== 0
  }
}

function nanosecondsOf(time: bigint): bigint {
  return ((time % billion) + billion) % billion
}
