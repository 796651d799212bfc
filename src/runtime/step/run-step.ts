import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { cgroupsPathOf, checkId, measuredGroup, writeBundle } from '../bundle.ts'
import { cpuTime, expectEntry, removeCgroups } from '../limits/cgroups.ts'
import { makeMountStubs, pointsOf } from './mount-stubs.ts'
import type { MountPoint } from './mount-stubs.ts'
import { runtimeEnvironment } from '../oci-program.ts'
import type { BundleSeat } from '../oci-program.ts'
import { runtimeCall, wantedControllers } from '../runtime-call.ts'
import type { RuntimeCall } from '../runtime-call.ts'
import { findRuntimeError } from '../runtime-log.ts'
import type { ProcessMount, ProcessResult, ProcessSpec } from '../runtime.ts'
import { placeSecrets, removeFolder } from './step-secrets.ts'
import { readText } from '../../util/read-text.ts'

export interface StepIo {
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
  readonly stdin?: Readable
}

const SIGKILL_CODE = 137

/**
 * Runs one process to its end as a child of this process, without a monitor. `folder` is made for it and removed
 * again. When `signal` aborts, the whole tree is killed before CANCELED is thrown.
 */
export async function runStep(
  seat: BundleSeat,
  root: string,
  folder: string,
  id: string,
  wanted: ProcessSpec,
  io: StepIo,
  options: OpOptions = {},
): Promise<ProcessResult> {
  const { program } = seat
  const { signal } = options
  const measured = wanted.measured === true ? measuredGroup(id, wanted.cgroupParent) : undefined
  const spec = measured === undefined ? wanted : { ...wanted, cgroupParent: measured }
  throwIfAborted(signal)
  checkId(id)
  expectEntry(program.cgroups)
  let stubs: { remove(): void } | undefined
  try {
    // with secrets everything lies in memory: the runtime copies variables into its own state
    const full = spec.secrets === undefined ? spec : await placeSecrets(folder, spec, spec.secrets)
    const state = spec.secrets === undefined ? root : join(folder, 'state')
    stubs = makeMountStubs(spec.rootfs, [...pointsOf(['/proc', '/sys', '/dev']), ...full.mounts.map(pointOf)])
    writeBundle(folder, id, full, seat)
    using call = runtimeCall(program, wantedControllers(program, full))
    const exitCode = await runChild(call, state, folder, id, io, spec.tty === true, signal)
    throwIfAborted(signal)
    const log = join(folder, 'runtime.log')
    const reason = exitCode === 0 ? undefined : findRuntimeError(log)
    if (reason !== undefined) throw failure('RUNTIME_FAILED', { runtime: program.path, reason, log })
    // the runtime took the control group away with its counters; a KILL that was not ours under a limit is the kernel's
    const oomKilled = exitCode === SIGKILL_CODE && spec.limits?.memory !== undefined
    const cpu = measured === undefined ? undefined : cpuTime(program.cgroups, measured)
    return { exitCode, oomKilled, ...(cpu !== undefined && { cpu }) }
  } finally {
    removeFolder(folder)
    rmSync(join(root, id), { recursive: true, force: true })
    const cgroup = cgroupsPathOf(id, spec.cgroupParent)
    removeCgroups(program.cgroups, cgroup)
    // the group of somebody else gets back what was made in it
    if (spec.cgroupParent !== undefined) removeCgroups(program.cgroups, dirname(cgroup))
    if (measured !== undefined) removeCgroups(program.cgroups, measured)
    stubs?.remove()
  }
}

/** Of a mount. */
export function pointOf({ type, source = '', target }: ProcessMount): MountPoint {
  const isFolder = type === 'tmpfs' || statSync(source, { throwIfNoEntry: false })?.isDirectory() !== false
  return { target, isFolder }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw failure('CANCELED', {})
}

async function runChild(
  { command, prefix, env }: RuntimeCall,
  root: string,
  folder: string,
  id: string,
  io: StepIo,
  tty: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  const args = ['--root', root, '--log', join(folder, 'runtime.log'), '--log-format', 'json']
  const pidFile = join(folder, 'pid')
  const child = spawn(command, [...prefix, ...args, 'run', '--bundle', folder, '--pid-file', pidFile, id], {
    // the runtime stands between this terminal and the container's own
    stdio: tty ? 'inherit' : [io.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // a session of its own: Ctrl-C reaches mille, which aborts in order, and not the step behind its back
    detached: !tty,
    env: { ...runtimeEnvironment(), ...env },
  })
  const ended = exitOf(child, command)
  child.stdout?.on('data', (chunk: Buffer) => io.onOutput('stdout', chunk))
  child.stderr?.on('data', (chunk: Buffer) => io.onOutput('stderr', chunk))
  if (child.stdin) {
    // a process that does not read its input is judged by its exit code
    child.stdin.on('error', () => {})
    io.stdin?.on('error', () => child.stdin?.destroy())
    io.stdin?.pipe(child.stdin)
  }
  const kill = (): void => killTree(child, pidFile)
  signal?.addEventListener('abort', kill, { once: true })
  try {
    return await ended
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

function exitOf(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('close', (code) => resolve(code ?? SIGKILL_CODE))
    child.once('error', (cause) => {
      reject(failure('RUNTIME_FAILED', { runtime: command, reason: cause.message, log: 'none' }, { cause }))
    })
  })
}

/**
 * The first process of a process namespace takes all others with it. Until the runtime has said its number the
 * runtime itself is at work; its end is waited for in short steps, because killing it would leave its half-made container.
 */
function killTree(child: ChildProcess, pidFile: string): void {
  const timer = setInterval(() => attempt(), 10)
  const attempt = (): void => {
    if (child.exitCode !== null || child.signalCode !== null) {
      clearInterval(timer)
      return
    }
    const pid = readPid(pidFile)
    if (pid === undefined) return
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it ended by itself
    }
  }
  attempt()
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readText(pidFile))
    return Number.isInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}
