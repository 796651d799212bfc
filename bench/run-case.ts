import type { BenchCase, Contestant, Floor } from './case.ts'
import { peakMemory, run, statistics, type Statistics } from './measure.ts'
import type { Workloads } from './workloads/workloads.ts'

export interface Result {
  readonly contestant: Contestant['name']
  readonly seconds: Statistics
  /** MiB; only of mille, whose work is all in its own process. */
  readonly peak?: number
}

export interface CaseResult {
  readonly case: BenchCase
  readonly floor: Floor
  /** mille first. */
  readonly results: readonly Result[]
  /** Contestants that could not do it, and why. */
  readonly failures: ReadonlyMap<string, string>
}

/** Measures one case with each contestant: whole processes, one after the other. */
export async function runCase(
  benchCase: BenchCase,
  work: Workloads,
  contestants: readonly Contestant[],
  runs: number | undefined,
): Promise<CaseResult> {
  const results: Result[] = []
  const failures = new Map<string, string>()
  const floor = await benchCase.floor(work).catch((error: unknown): Floor => {
    failures.set('floor', messageOf(error))
    return { seconds: Number.NaN, what: 'not found out' }
  })
  for (const contestant of contestants)
    try {
      results.push(await measure(benchCase, work, contestant, runs ?? benchCase.runs))
    } catch (error) {
      failures.set(contestant.name, messageOf(error))
    }
  return { case: benchCase, floor, results, failures }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function measure(
  benchCase: BenchCase,
  work: Workloads,
  contestant: Contestant,
  runs: number,
): Promise<Result> {
  try {
    await benchCase.prepare(work, contestant)
    const once = async <Value>(measured: () => Promise<Value>): Promise<Value> => {
      await benchCase.before?.(work, contestant)
      return await measured()
    }
    const command = await benchCase.command(work, contestant)
    // the first run finds caches cold that the others find warm; mille's tells its memory instead of its time
    const peak = await once(async () =>
      contestant.name === 'mille' ? await peakMemory(command) : void (await run(command)),
    )
    const times: number[] = []
    for (let round = 0; round < runs; round++) times.push((await once(() => run(command))).seconds)
    return { contestant: contestant.name, seconds: statistics(times), ...(peak !== undefined && { peak }) }
  } finally {
    await benchCase.cleanUp?.(work, contestant)
  }
}
