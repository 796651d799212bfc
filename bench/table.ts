import type { Contestant } from './case.ts'
import type { CaseResult, Result } from './run-case.ts'

export const memoryLimit = 250

/** What a promise of the project says about a result: undefined when it cannot be judged without a peer. */
export function judge({ case: { target }, floor, results }: CaseResult): boolean | undefined {
  const mille = results.find((result) => result.contestant === 'mille')
  if (mille === undefined) return undefined
  const time = mille.seconds.median
  const verdicts: boolean[] = []
  if (target.seconds !== undefined) verdicts.push(time <= target.seconds)
  if (target.floor !== undefined) verdicts.push(time <= target.floor * floor.seconds)
  if (target.above !== undefined) verdicts.push(time <= floor.seconds + target.above)
  for (const name of ['docker', 'podman'] as const) {
    const peer = results.find((result) => result.contestant === name)
    const most = target[name]
    if (peer !== undefined && most !== undefined) verdicts.push(time <= most * peer.seconds.median)
  }
  if (mille.peak !== undefined && mille.peak > memoryLimit) verdicts.push(false)
  return verdicts.length === 0 ? undefined : verdicts.every(Boolean)
}

/** The whole table as aligned text, one line a case and one a failure. */
export function formatTable(results: readonly CaseResult[], peers: readonly Contestant['name'][]): string {
  const header = [
    'CASE',
    'MILLE',
    'MIN..MAX',
    'PEAK',
    'FLOOR',
    'X FLOOR',
    ...peers.flatMap((name) => [name.toUpperCase(), 'RATIO']),
  ]
  const rows = results.map((result) => rowOf(result, peers))
  return [...align([[...header, 'AT MOST', ''], ...rows]), ...notes(results)].join('\n')
}

/** One case in one line: who took how long, and who failed. */
export function formatTimes({ results, failures }: CaseResult): string {
  const times = results.map(({ contestant, seconds: { median } }) => `${contestant} ${seconds(median)} s`)
  return [...times, ...[...failures.keys()].map((name) => `${name} failed`)].join(', ')
}

function rowOf(caseResult: CaseResult, peers: readonly Contestant['name'][]): string[] {
  const of = (name: string): Result | undefined =>
    caseResult.results.find((result) => result.contestant === name)
  const mille = of('mille')
  const { floor, case: benchCase } = caseResult
  const verdict = judge(caseResult)
  return [
    benchCase.title,
    seconds(mille?.seconds.median),
    mille === undefined ? '-' : `${mille.seconds.min.toFixed(3)}..${mille.seconds.max.toFixed(3)}`,
    mille?.peak === undefined ? '-' : `${mille.peak.toFixed(0)} MiB`,
    seconds(floor.seconds),
    ratio(mille?.seconds.median, floor.seconds),
    ...peers.flatMap((name) => [
      seconds(of(name)?.seconds.median),
      ratio(mille?.seconds.median, of(name)?.seconds.median),
    ]),
    targetText(benchCase.target),
    verdict === undefined ? '' : verdict ? 'ok' : 'MISSED',
  ]
}

function targetText(target: CaseResult['case']['target']): string {
  const parts = [
    ...(target.docker === undefined ? [] : [`${target.docker} x docker`]),
    ...(target.podman === undefined ? [] : [`${target.podman} x podman`]),
    ...(target.floor === undefined ? [] : [`${target.floor} x floor`]),
    ...(target.above === undefined ? [] : [`floor + ${target.above} s`]),
    ...(target.seconds === undefined ? [] : [`${target.seconds} s`]),
  ]
  return parts.join(', ')
}

/** What each floor is, and what went wrong. */
function notes(results: readonly CaseResult[]): string[] {
  const lines = [
    '',
    `Wall times of whole processes in seconds, median; peak memory at most ${memoryLimit} MiB. Floors:`,
  ]
  for (const { case: benchCase, floor } of results) lines.push(`  ${benchCase.name}: ${floor.what}`)
  for (const { case: benchCase, failures } of results)
    for (const [name, message] of failures) lines.push(`${benchCase.name}, ${name}: FAILED: ${message}`)
  return lines
}

function seconds(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(3)
}

function ratio(value: number | undefined, to: number | undefined): string {
  return value === undefined || to === undefined || Number.isNaN(to) ? '-' : (value / to).toFixed(2)
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
