import type { BenchCase, Contestant } from '../case.ts'
import { copyAndHash, emptyNode, shellFloor } from '../floors.ts'
import { run, succeeds } from '../measure.ts'
import { bigImage, type Workloads } from '../workloads/workloads.ts'

/** The contestant's store without the big image, and without its layers; of a peer only what this bench put there goes. */
async function forget(work: Workloads, contestant: Contestant): Promise<void> {
  const { reference } = await work.bigInRegistry()
  for (const name of [bigImage, reference]) await succeeds(contestant.command('rmi', '-f', name))
  if (contestant.name === 'mille') await run(contestant.command('system', 'prune', '-af'))
  await run({ argv: ['sync'] })
}

export const pull: BenchCase = {
  name: 'pull',
  title: 'pull of 824 MB, 4 layers, 49,500 entries',
  target: { docker: 0.25, podman: 0.35 },
  runs: 3,
  async floor(work) {
    const { blobs } = await work.bigInRegistry()
    const { tars } = await work.bigImage()
    const kept = await copyAndHash([...blobs, ...tars], work.scratch)
    const inflated = await shellFloor(
      'inflate',
      `printf '%s\\n' ${blobs.map((blob) => `'${blob}'`).join(' ')} | xargs -P2 -n1 sh -c 'gzip -dc <"$0" >/dev/null'`,
    )
    return {
      seconds: kept.seconds,
      what: `${kept.what}; (gzip -d, two at once: ${inflated.seconds.toFixed(2)} s)`,
    }
  },
  prepare: async (work) => void (await work.bigInRegistry()),
  before: forget,
  async command(work, { name, command }) {
    const insecure = name === 'podman' ? ['--tls-verify=false'] : []
    return command('pull', '-q', ...insecure, (await work.bigInRegistry()).reference)
  },
  cleanUp: forget,
}

export const load: BenchCase = {
  name: 'load',
  title: 'load of the same',
  target: { docker: 0.4 },
  runs: 3,
  floor: async (work) => copyAndHash((await work.bigImage()).tars, work.scratch),
  prepare: async (work) => void (await work.bigImage()),
  before: forget,
  command: async (work, { command }) => command('load', '-q', '-i', (await work.bigImage()).archive),
  cleanUp: forget,
}

export const remove: BenchCase = {
  name: 'rmi',
  title: 'rmi of the same',
  target: { seconds: 0.1 },
  runs: 3,
  floor: emptyNode,
  prepare: forget,
  async before(work, { command }) {
    await run(command('load', '-q', '-i', (await work.bigImage()).archive))
    await run({ argv: ['sync'] })
  },
  command: async (_work, { command }) => command('rmi', bigImage),
  cleanUp: forget,
}
