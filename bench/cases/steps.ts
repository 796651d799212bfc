import type { BenchCase } from '../case.ts'
import { emptyNode, emptyRuntime } from '../floors.ts'
import { run } from '../measure.ts'
import { baseImage, type Workloads } from '../workloads/workloads.ts'

const steps = 30

function chain(work: Workloads): Promise<string> {
  const lines = Array.from({ length: steps }, (_, index) => `RUN echo ${index} >/f${index}\n`)
  return work.context('chain', `FROM ${baseImage}\n${lines.join('')}`)
}

export const chainCold: BenchCase = {
  name: 'chain-cold',
  title: '30 RUN steps, not cached',
  target: { docker: 0.3 },
  runs: 5,
  floor: (work) => emptyRuntime(work.folder, steps),
  prepare: (work, contestant) => work.loadBase(contestant),
  command: async (work, { command }) =>
    command('build', '-q', '--no-cache', '-t', 'mille-bench-chain', await chain(work)),
}

export const chainCached: BenchCase = {
  name: 'chain-cached',
  title: '30 RUN steps, all cached',
  target: { docker: 0.5 },
  runs: 9,
  floor: emptyNode,
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    await run(await this.command(work, contestant))
  },
  command: async (work, { command }) => command('build', '-q', '-t', 'mille-bench-chain', await chain(work)),
}

function fourStages(work: Workloads): Promise<string> {
  const names = ['one', 'two', 'three', 'four']
  const stages = names.map((name) => `FROM ${baseImage} AS ${name}\nRUN sleep 2 && echo ${name} >/${name}\n`)
  const copies = names.map((name) => `COPY --from=${name} /${name} /${name}\n`)
  return work.context('stages', `${stages.join('')}FROM ${baseImage}\n${copies.join('')}`)
}

export const stages: BenchCase = {
  name: 'stages',
  title: 'four stages of 2 s each, not cached',
  target: { floor: 1.05 },
  runs: 3,
  floor: async () => ({ seconds: 2, what: 'the longest stage' }),
  prepare: (work, contestant) => work.loadBase(contestant),
  command: async (work, { command }) =>
    command('build', '-q', '--no-cache', '-t', 'mille-bench-stages', await fourStages(work)),
}
