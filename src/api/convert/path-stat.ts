import type { PathStat } from '../../containers/containers.ts'
import { nanoTime } from '../../util/nano-time.ts'

/** Bits of Go's fs.FileMode by the type of stat(2). */
const typeBits: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
])

/** The header that tells what a path is: JSON in base64, its mode as Go has it (E08). */
export function pathStatHeader(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget } = stat
  const wire = { name, size, mode: goMode(mode), mtime: nanoTime(mtime), linkTarget }
  return Buffer.from(JSON.stringify(wire)).toString('base64')
}

function goMode(mode: number): number {
  const special = [
    [0o4000, 2 ** 23],
    [0o2000, 2 ** 22],
    [0o1000, 2 ** 20],
  ] as const
  const bits = special.reduce((sum, [bit, value]) => sum + ((mode & bit) === 0 ? 0 : value), 0)
  return (mode & 0o777) + bits + (typeBits.get(mode & 0o170000) ?? 0)
}
