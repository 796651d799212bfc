import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tryProgram } from '../util/run-program.ts'
import { resizeTerminal } from './attach-socket.ts'
import { attachContainer } from './attach.ts'
import { checkId } from './bundle.ts'
import { containerFiles } from './container-files.ts'
import {
  containerProcesses,
  createContainer,
  deleteContainer,
  freezeContainer,
  killContainer,
  settledState,
  startContainer,
  waitContainer,
} from './containers.ts'
import type { RuntimeSeat } from './containers.ts'
import { execInContainer } from './exec.ts'
import { endHealth, readHealth } from './health/health-files.ts'
import { watchHealth } from './health/health-watch.ts'
import { startLogKeeper } from './log/log-keeper.ts'
import { checkContainers, chooseIsolation, type IsolationChoice } from './isolation.ts'
import {
  findCgroups,
  findProgram,
  limitControllers,
  unsupportedLimits,
  type CgroupSupport,
} from './machine.ts'
import { findOciProgram } from './oci-program.ts'
import type { OciProgram } from './oci-program.ts'
import { resourceUsage } from './limits/resource-usage.ts'
import { runStep } from './step/run-step.ts'
import type { Isolation, Runtime, RuntimeInfo } from './runtime.ts'
import { removeStepLeftovers, stepFolderName } from './step/step-leftovers.ts'
import { updateLimits } from './limits/update-limits.ts'

export interface RuntimeOptions {
  /** Folder for what does not outlive a reboot, mode 0700, one per store; `/run/mille` is usual. */
  readonly stateFolder: string
  /** Folder for compiled seccomp filters, good for any number of stores; default below `stateFolder`. */
  readonly filterFolder?: string
  /** How RUN steps are run; default `auto`: with namespaces where the kernel gives them. */
  readonly isolation?: IsolationChoice
  /** Insists on one runtime; default: crun when it works here, else runc. */
  readonly program?: 'crun' | 'runc'
  /** Milliseconds that the runtime may take to make a process; default 60,000. */
  readonly timeout?: number
}

/** Nothing is looked for or made before the first call. Every call may fail with RUNTIME_MISSING. */
export function openRuntime(options: RuntimeOptions): Runtime {
  const root = join(options.stateFolder, 'runtime')
  const steps = join(options.stateFolder, 'steps')
  const filters = options.filterFolder ?? join(options.stateFolder, 'seccomp')
  let program: OciProgram | undefined
  const getProgram = (): OciProgram => (program ??= findOciProgram(options.program))
  let groups: CgroupSupport | undefined
  let chosen: Isolation | undefined
  const isolation = (): Isolation => (chosen ??= chooseIsolation(options.isolation ?? 'auto'))
  // before each step: a builder that was killed meanwhile may have left one that still writes to a cache mount
  const sweep = async (): Promise<void> => {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    mkdirSync(steps, { recursive: true, mode: 0o700 })
    await removeStepLeftovers(findCgroups(), root, steps)
  }
  const getSeat = (): RuntimeSeat => ({
    // containers can be listed where there is no runtime
    get program() {
      return getProgram()
    },
    get cgroups() {
      return program?.cgroups ?? (groups ??= findCgroups())
    },
    filters,
    root,
    timeout: options.timeout ?? 60_000,
  })
  return {
    describe: async () => (isolation().kind === 'chroot' ? chrootInfo : await describe(getProgram())),
    isolation,
    checkContainers,
    async endLeftovers() {
      if (existsSync(steps) && readdirSync(steps).length > 0)
        await removeStepLeftovers(findCgroups(), root, steps)
    },
    async run(id, spec, io, opOptions) {
      checkId(id)
      await sweep()
      const folder = join(steps, stepFolderName(id))
      const { kind, reason = '' } = isolation()
      if (kind === 'oci') return await runStep(getSeat(), root, folder, id, spec, io, opOptions)
      const { runChrootStep } = await import('./chroot/run-chroot-step.ts')
      return await runChrootStep({ folder, id, spec, io, reason }, opOptions)
    },
    removeLeftovers: sweep,
    async create(handle, spec, createOptions) {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      return await createContainer(getSeat(), handle, spec, createOptions)
    },
    keepLogs: startLogKeeper,
    start: (handle) => startContainer(getSeat(), handle),
    state: (handle) => settledState(getSeat(), handle),
    attach: attachContainer,
    resize: (handle, columns, rows) => resizeTerminal(containerFiles(handle).control, columns, rows),
    wait: (handle, opOptions) => waitContainer(getSeat(), handle, opOptions),
    kill: async (handle, signal) => killContainer(handle, signal),
    pause: (handle) => freezeContainer(getSeat(), handle, 'pause'),
    resume: (handle) => freezeContainer(getSeat(), handle, 'resume'),
    delete: (handle, deleteOptions) => deleteContainer(getSeat(), handle, deleteOptions?.force ?? false),
    exec: (handle, spec, opOptions) => execInContainer(getSeat(), handle, spec, opOptions),
    watchHealth: (handle, check) => watchHealth(getSeat(), handle, check),
    endHealth,
    health: readHealth,
    usage: async (handle) => resourceUsage(getSeat(), handle),
    limit: async (handle, limits) => updateLimits(getSeat(), handle, limits),
    processes: async (handle) => containerProcesses(getSeat(), handle),
  }
}

/** No program is needed, and nothing can be limited. */
const chrootInfo: RuntimeInfo = {
  name: 'chroot',
  version: '',
  path: '',
  monitor: '',
  cgroups: 'none',
  unsupportedLimits: [...Object.keys(limitControllers), 'blockIo'],
  warnings: [],
}

async function describe(program: OciProgram): Promise<RuntimeInfo> {
  const version = async (path: string): Promise<string> => {
    const output = await tryProgram(path, ['--version'])
    return /version:?\s+(\S+)/.exec(output.stdout.toString())?.[1] ?? 'unknown'
  }
  const monitor = findProgram('conmon')
  const found = await version(program.path)
  return {
    name: program.name,
    version: found,
    path: program.path,
    monitor: monitor === undefined ? '' : `conmon ${await version(monitor)}`,
    cgroups: program.cgroups.mode,
    unsupportedLimits: unsupportedLimits(program.cgroups),
    warnings: warningsFor(program.name, found),
  }
}

/** First releases without the escapes of November 2025 (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). */
const fixedIn = { crun: [1, 25, 0], runc: [1, 2, 8] } as const

function warningsFor(name: 'crun' | 'runc', version: string): string[] {
  const parts = version.split(/[.+~-]/).map(Number)
  const fixed = fixedIn[name]
  const difference = fixed.map((part, index) => (parts[index] ?? 0) - part).find((delta) => delta !== 0) ?? 0
  if (!(difference < 0)) return []
  return [
    `${name} ${version} is older than ${fixed.join('.')}, which closed container escapes (CVE-2025-31133 and others): update it unless your distribution has patched it`,
  ]
}
