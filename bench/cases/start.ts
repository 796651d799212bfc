import type { BenchCase } from '../case.ts'
import { emptyNode, emptyRuntime } from '../floors.ts'
import { baseImage } from '../workloads/workloads.ts'

export const version: BenchCase = {
  name: 'version',
  title: 'version',
  target: { docker: 1.2 },
  runs: 15,
  floor: emptyNode,
  prepare: async () => undefined,
  command: async (_work, { command }) => command('version'),
}

function runTrue(name: string, title: string, network: string, target: BenchCase['target']): BenchCase {
  return {
    name,
    title,
    target,
    runs: 15,
    floor: (work) => emptyRuntime(work.folder),
    prepare: (work, contestant) => work.loadBase(contestant),
    command: async (_work, { command }) => command('run', '--rm', '--network', network, baseImage, 'true'),
  }
}

export const start: BenchCase = runTrue('start', 'run --rm busybox true, --network none', 'none', {
  docker: 0.4,
  podman: 0.7,
})

export const startBridge: BenchCase = runTrue(
  'start-bridge',
  'run --rm busybox true, on the bridge',
  'bridge',
  {
    docker: 0.5,
  },
)
