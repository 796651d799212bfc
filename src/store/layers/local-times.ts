import { localTimeFlag, type TableColumns } from './table-columns.ts'

const billion = 1_000_000_000n

/** So few seconds are looked for one by one: `indexOf` goes through a million rows before a loop is compiled. */
const fewSeconds = 8

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
  among(wanted: Iterable<bigint>): Set<bigint> {
    const bySecond = new Map<number, Map<number, bigint>>()
    for (const time of wanted) {
      const nanoseconds = Number(((time % billion) + billion) % billion)
      const second = Number((time - BigInt(nanoseconds)) / billion)
      const inSecond = bySecond.get(second) ?? new Map<number, bigint>()
      bySecond.set(second, inSecond.set(nanoseconds, time))
    }
    const { seconds, nanoseconds } = this.#rows
    const found = new Set<bigint>()
    for (const row of this.#rowsOf(bySecond)) {
      const inSecond = bySecond.get(seconds[row] ?? 0)
      for (const part of [nanoseconds[row] ?? 0, 0]) {
        const time = inSecond?.get(part)
        if (time !== undefined) found.add(time)
      }
    }
    return found
  }

  *[Symbol.iterator](): Generator<bigint> {
    const { seconds, nanoseconds } = this.#rows
    for (let row = 0; row < seconds.length; row++)
      if (this.#isLocal(row)) yield BigInt(seconds[row] ?? 0) * billion + BigInt(nanoseconds[row] ?? 0)
  }

  /** Rows with a local time in one of these seconds. */
  *#rowsOf(wanted: ReadonlyMap<number, unknown>): Generator<number> {
    const { seconds } = this.#rows
    if (wanted.size <= fewSeconds) {
      for (const second of wanted.keys())
        for (let row = seconds.indexOf(second); row >= 0; row = seconds.indexOf(second, row + 1))
          if (this.#isLocal(row)) yield row
      return
    }
    for (let row = 0; row < seconds.length; row++)
      if (wanted.has(seconds[row] ?? 0) && this.#isLocal(row)) yield row
  }

  #isLocal(row: number): boolean {
    return ((this.#rows.types[row] ?? 0) & localTimeFlag) !== 0
  }
}
