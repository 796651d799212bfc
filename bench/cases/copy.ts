import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchCase, Contestant, Floor } from '../case.ts'
import { shellFloor } from '../floors.ts'
import { run, type Command } from '../measure.ts'
import type { Workloads } from '../workloads/workloads.ts'

const image = 'mille-bench-copy'

/** One pass over the files into one tar, hashed on the way and brought to the disk. */
async function tarAndHash(work: Workloads): Promise<Floor> {
  const tar = `${work.scratch}.tar`
  return shellFloor(
    'tar of the files, hashed, synced',
    `tar -C '${await work.manyFiles()}/app' -cf - . | tee '${tar}' | openssl dgst -sha256 >/dev/null && sync '${tar}'`,
    `rm -f '${tar}' && sync`,
  )
}

async function build(work: Workloads, { command }: Contestant, ...flags: string[]): Promise<Command> {
  return command('build', '-q', ...flags, '-t', image, await work.manyFiles())
}

export const copyCold: BenchCase = {
  name: 'copy-cold',
  title: 'COPY of 20,000 files, 200 MB, not cached',
  target: { docker: 0.3 },
  runs: 3,
  floor: tarAndHash,
  prepare: (work, contestant) => work.loadBase(contestant),
  async before(_work, contestant) {
    // A peer's build cache may be the user's own: there only this image goes, and --no-cache does the rest.
    if (contestant.name === 'mille') await run(contestant.command('system', 'prune', '-af'))
    await this.prepare(_work, contestant)
    await run({ argv: ['sync'] })
  },
  command: (work, contestant) => build(work, contestant, '--no-cache'),
}

export const copyOneFile: BenchCase = {
  name: 'copy-one-file',
  title: 'the same after one file changed',
  target: { docker: 0.4 },
  runs: 3,
  floor: tarAndHash,
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    await run(await build(work, contestant))
  },
  async before(work) {
    const file = join(await work.manyFiles(), 'app/package-7/lib/module-281.js')
    await writeFile(file, `export const changed = ${process.hrtime.bigint()}\n`)
    await run({ argv: ['sync'] })
  },
  command: (work, contestant) => build(work, contestant),
}

export const copyNothing: BenchCase = {
  name: 'copy-nothing',
  title: 'the same with nothing changed',
  target: { docker: 0.4 },
  runs: 9,
  floor: async (work) =>
    shellFloor('stat of each file', `find '${await work.manyFiles()}' -newer /proc/1 >/dev/null`),
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    await run(await build(work, contestant))
  },
  command: (work, contestant) => build(work, contestant),
}
