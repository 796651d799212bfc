// npm run bench [-- --only CASE] [-n N] [--json]: measures mille against the physical floors and the peers found on PATH.
// MILLE_BENCH_DIR is the folder of the workloads and of the store (default: below the system's temporary folder);
// it is kept for the next run. For fair figures it lies on the disk that the peers' stores lie on.
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { allCases } from './cases/all.ts'
import { findPeers, millePath } from './contestants.ts'
import { run } from './measure.ts'
import { runCase, type CaseResult } from './run-case.ts'
import { formatTable, formatTimes, judge } from './table.ts'
import { openWorkloads } from './workloads/workloads.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    runs: { type: 'string', short: 'n' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
})
const names = allCases.map(({ name }) => name)
if (values.help) {
  process.stdout.write(`npm run bench -- [--only CASE]... [-n RUNS] [--json]\nCases: ${names.join(' ')}\n`)
  process.exit()
}
const unknown = values.only?.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`no such case: ${unknown} (there are ${names.join(' ')})`)
const runs = values.runs === undefined ? undefined : Number(values.runs)
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) throw new Error('-n takes a number of runs')

const folder = process.env['MILLE_BENCH_DIR'] ?? join(tmpdir(), 'mille-bench')
await mkdir(folder, { recursive: true })
const mille = millePath(folder)
await run(mille.command('version'))
const peers = await findPeers()
await using work = openWorkloads(folder, mille)
const results: CaseResult[] = []
for (const benchCase of allCases) {
  if (values.only && !values.only.includes(benchCase.name)) continue
  process.stderr.write(`bench: ${benchCase.title}\n`)
  const result = await runCase(benchCase, work, [mille, ...peers], runs)
  // all cases take half an hour: a run that is cut off is not for nothing
  process.stderr.write(`bench:   ${formatTimes(result)}\n`)
  results.push(result)
}
process.stdout.write(
  values.json
    ? `${JSON.stringify(results.map(toJson), null, 2)}\n`
    : `${formatTable(
        results,
        peers.map(({ name }) => name),
      )}\n`,
)
if (results.some((result) => result.failures.has('mille'))) process.exitCode = 1

function toJson(result: CaseResult): unknown {
  const { case: benchCase, floor, failures } = result
  return {
    case: benchCase.name,
    target: benchCase.target,
    ok: judge(result),
    floor,
    results: result.results,
    failures: Object.fromEntries(failures),
  }
}
