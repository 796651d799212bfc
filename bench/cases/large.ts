import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchCase } from '../case.ts'
import { millePath } from '../contestants.ts'
import { run, statistics } from '../measure.ts'
import { baseImage } from '../workloads/workloads.ts'

const image = 'mille-bench-large'
const folders = 100
const inFolder = 1_000

/** What lies in a root file system that a step does not touch costs it nothing. */
export const touchOne: BenchCase = {
  name: 'touch-one',
  title: 'RUN that touches one of 100,000 files, not cached',
  target: { above: 0.1 },
  runs: 9,
  async floor(work) {
    const mille = millePath(work.folder)
    await work.loadBase(mille)
    const context = await work.context('touch-small', `FROM ${baseImage}\nRUN echo x >>/etc/passwd\n`)
    const times: number[] = []
    for (let round = 0; round < 9; round++)
      times.push((await run(mille.command('build', '-q', '--no-cache', context))).seconds)
    return { what: 'the same on the base itself', seconds: statistics(times).median }
  },
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    const each = `mkdir -p /data/$d; for f in $(seq ${inFolder}); do echo $f >/data/$d/$f; done`
    const lines = `FROM ${baseImage}\nRUN for d in $(seq ${folders}); do ${each}; done\n`
    await run(contestant.command('build', '-q', '-t', image, await work.context('large', lines)))
  },
  async command(work, { command }) {
    const context = await work.context('touch-one', `FROM ${image}\nRUN echo x >>/data/50/500\n`)
    return command('build', '-q', '--no-cache', context)
  },
}

export const largeContext: BenchCase = {
  name: 'large-context',
  title: 'COPY of 100,000 files, nothing changed',
  target: { seconds: 1 },
  runs: 5,
  floor: async () => ({ seconds: 1, what: 'what is promised' }),
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    await run(await this.command(work, contestant))
  },
  async command(work, { command }) {
    const context = await work.made('large-context', (path) => {
      for (let folder = 0; folder < folders; folder++) {
        mkdirSync(join(path, 'app', `${folder}`), { recursive: true })
        for (let file = 0; file < inFolder; file++)
          writeFileSync(join(path, 'app', `${folder}`, `${file}.txt`), `${folder}/${file}\n`)
      }
      writeFileSync(join(path, 'Dockerfile'), `FROM ${baseImage}\nCOPY app /app\n`)
    })
    return command('build', '-q', '-t', image, context)
  },
}
