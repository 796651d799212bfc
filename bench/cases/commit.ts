import type { BenchCase, Contestant } from '../case.ts'
import { shellFloor } from '../floors.ts'
import { run, succeeds } from '../measure.ts'
import { baseImage } from '../workloads/workloads.ts'

const name = 'mille-bench-commit'
const changed = 1_000

async function remove({ command }: Contestant): Promise<void> {
  await succeeds(command('rm', '-f', name))
}

export const commit: BenchCase = {
  name: 'commit',
  title: 'commit of a container with 1,000 changed files, 33 MB',
  target: { docker: 0.5 },
  runs: 7,
  floor: (work) =>
    shellFloor(
      'tar of the files, hashed, synced',
      `tar -C '${work.scratch}' -cf - . | tee '${work.scratch}.tar' | openssl dgst -sha256 >/dev/null && sync '${work.scratch}.tar'`,
      `rm -f '${work.scratch}.tar' && mkdir -p '${work.scratch}' && for i in $(seq ${changed}); do head -c 33000 /dev/zero >'${work.scratch}'/$i; done; sync`,
    ),
  async prepare(work, contestant) {
    await work.loadBase(contestant)
    const files = `mkdir /data && for i in $(seq ${changed}); do head -c 33000 /dev/urandom >/data/$i; done`
    const context = await work.context('commit', `FROM ${baseImage}\nRUN ${files}\n`)
    await run(contestant.command('build', '-q', '-t', name, context))
    await remove(contestant)
    const change = 'for f in /data/*; do echo changed >>$f; done'
    await run(contestant.command('run', '--name', name, '--network', 'none', name, 'sh', '-c', change))
  },
  command: async (_work, { command }) => command('commit', name, `${name}-made`),
  cleanUp: (_work, contestant) => remove(contestant),
}
