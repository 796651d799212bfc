import { readFile } from 'node:fs/promises'
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os'
import type { Containers } from '../containers/containers.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Store } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'
import { version } from '../util/version.ts'
import type { EngineInfo } from './engine.ts'

export interface InfoParts {
  readonly store: Store
  readonly runtime: Runtime
  readonly containers: Containers
}

/** What `mille info` shows: the machine, the store, and what of it cannot be used and why. */
export async function engineInfo({ store, runtime, containers }: InfoParts): Promise<EngineInfo> {
  const all = await containers.list({ all: true })
  const count = (...statuses: string[]): number =>
    all.filter(({ state }) => statuses.includes(state.status)).length
  const found = await describeRuntime(runtime)
  return {
    root: store.root,
    version,
    snapshotter: store.snapshots.kind,
    ...(store.snapshots.reason !== undefined && { snapshotterReason: store.snapshots.reason }),
    ...found.isolation,
    runtime: found.name,
    runtimeVersion: found.version,
    cgroups: found.cgroups,
    unsupportedLimits: found.unsupportedLimits,
    containers: {
      running: count('running', 'restarting'),
      paused: count('paused'),
      stopped: count('created', 'exited', 'dead', 'removing'),
    },
    images: store.images.list().length,
    kernel: release(),
    operatingSystem: await operatingSystem(),
    architecture: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(),
    cpus: availableParallelism(),
    memory: totalmem(),
    hostname: hostname(),
    warnings: found.warnings,
  }
}

interface FoundRuntime {
  readonly isolation: Pick<EngineInfo, 'isolation' | 'isolationReason'>
  readonly name: string
  readonly version: string
  readonly cgroups: string
  readonly unsupportedLimits: readonly string[]
  readonly warnings: readonly string[]
}

/** A machine without runc or crun can still build from scratch, pull and push: `info` says so instead of failing. */
async function describeRuntime(runtime: Runtime): Promise<FoundRuntime> {
  let isolation: FoundRuntime['isolation'] = { isolation: 'none' }
  try {
    const { kind, reason } = runtime.isolation()
    isolation = { isolation: kind, ...(reason !== undefined && { isolationReason: reason }) }
    const found = await runtime.describe()
    const limits = found.unsupportedLimits
      // the second version of control groups has no such setting: nothing that an administrator could mend
      .filter((limit) => limit !== 'memorySwappiness' || found.cgroups !== 'v2')
      .map((limit) => `No ${limit} limit support`)
    return { ...found, isolation, warnings: [...found.warnings, ...limits] }
  } catch (error) {
    if (!isMilleError(error)) throw error
    return {
      isolation,
      name: '',
      version: '',
      cgroups: '',
      unsupportedLimits: [],
      warnings: [error.message],
    }
  }
}

async function operatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'Linux'
}
