import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning as isAlive } from '../linux/process-identity.ts'
import type { ProcessIdentity } from '../linux/process-identity.ts'
import { killQuietly } from '../linux/kill-quietly.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { tryProgram } from '../util/run-program.ts'
import type { ProgramOutput } from '../util/run-program.ts'
import { cgroupsPathOf, writeBundle } from './bundle.ts'
import { cgroupFolder, cgroupFolders, expectEntry, removeCgroups, wasOutOfMemory } from './limits/cgroups.ts'
import {
  containerFiles,
  identify,
  getRunning,
  isRunning,
  isSettled,
  readExit,
  readIdentity,
  readPidFile,
} from './container-files.ts'
import type { ContainerFiles, ContainerIdentity } from './container-files.ts'
import { endHealth, healthFiles } from './health/health-files.ts'
import { endGroup } from './end-group.ts'
import { endHalfMade, isHalfMade } from './half-made.ts'
import { openMonitor } from './monitor.ts'
import type { CgroupSupport } from './machine.ts'
import { runtimeEnvironment } from './oci-program.ts'
import type { BundleSeat } from './oci-program.ts'
import { isUninterruptible } from './process-state.ts'
import { wantedControllers } from './runtime-call.ts'
import { findRuntimeError } from './runtime-log.ts'
import type {
  ContainerHandle,
  ContainerRunState,
  CreateOptions,
  ProcessResult,
  ProcessSpec,
} from './runtime.ts'
import { waitFor } from './wait-for.ts'
import { readText } from '../util/read-text.ts'

/** What every operation on a container needs to know of this machine. */
export interface RuntimeSeat extends BundleSeat {
  /** Known without a runtime, too: what was never started can be removed where there is none. */
  readonly cgroups: CgroupSupport
  /** Folder of the runtime's own state. */
  readonly root: string
  /** Milliseconds that the runtime may take to make a process. */
  readonly timeout: number
}

/** moby's code for a container whose end nobody saw. */
const LOST_EXIT_CODE = 255
/** The longest between a process's end and its exit file: conmon first writes the rest of the output. */
const EXIT_FILE_GRACE = 10_000
const KILL_GRACE = 10_000
/** Until conmon has written its process number. */
const MONITOR_GRACE = 5000

export async function createContainer(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ProcessSpec,
  options: CreateOptions,
): Promise<{ pid: number }> {
  const files = containerFiles(handle)
  expectEntry(seat.cgroups)
  if (isHalfMade(files)) await undoCreate(seat, handle, files)
  // the folder comes before all else of a run, and goes after it
  else if (existsSync(handle.runFolder)) forget(seat, handle, files)
  try {
    for (const folder of [files.bundle, files.exits, files.persist])
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (options.logLimit !== undefined)
      writeFileSync(files.logLimit, `${options.logLimit}\n`, { mode: 0o600 })
    const [exitCommand, ...exitArguments] = options.exitCommand ?? []
    using monitor = openMonitor({
      ...seat,
      ...files,
      controllers: wantedControllers(seat.program, spec),
      id: handle.id,
      sessionId: handle.id,
      tty: spec.tty ?? false,
      stdin: options.stdin,
      flags: [
        '--exit-dir',
        files.exits,
        '--persist-dir',
        files.persist,
        '--log-path',
        options.logPath === undefined ? 'none' : `k8s-file:${options.logPath}`,
        ...(exitCommand === undefined ? [] : ['--exit-command', exitCommand]),
        ...exitArguments.map((argument) => `--exit-command-arg=${argument}`),
      ],
    })
    writeBundle(files.bundle, handle.id, spec, seat)
    const pid = await monitor.start()
    const process = identify(pid)
    if (process === undefined) {
      const reason = findRuntimeError(files.runtimeLog) ?? 'the process ended while it was made'
      throw failure('RUNTIME_FAILED', { runtime: seat.program.path, reason, log: files.runtimeLog })
    }
    const identity: ContainerIdentity = {
      version: 1,
      process,
      monitor: await identifyMonitor(files),
      tty: spec.tty ?? false,
      rootfs: spec.rootfs,
    }
    writeFileSync(files.identity, JSON.stringify(identity), { mode: 0o600 })
    return { pid }
  } catch (error) {
    await undoCreate(seat, handle, files)
    throw error
  }
}

/** A call on a container that exists. A runtime that hangs is killed. */
async function callRuntime(seat: RuntimeSeat, words: readonly string[]): Promise<ProgramOutput> {
  const { program, root, timeout } = seat
  const options = { env: runtimeEnvironment(), signal: AbortSignal.timeout(timeout) }
  return await tryProgram(program.path, [...program.plainPrefix, '--root', root, ...words], options)
}

/**
 * conmon's first process writes the number of the second, which makes the container meanwhile: the file may come after the
 * container. Without it an end would count as lost before its exit code is written.
 */
async function identifyMonitor(files: ContainerFiles): Promise<ProcessIdentity | undefined> {
  const limit = performance.now() + MONITOR_GRACE
  while (readPidFile(files.monitorPidFile) === undefined && performance.now() < limit) await sleep(1)
  return identify(readPidFile(files.monitorPidFile))
}

/** A failed create leaves no process, no state, no file but the logs that its error names. */
async function undoCreate(seat: RuntimeSeat, handle: ContainerHandle, files: ContainerFiles): Promise<void> {
  await endHalfMade(seat.cgroups, handle.id, files)
  forget(seat, handle, files)
}

/** Removes the runtime's state, the control groups and the files of the last run; the logs stay. */
function forget(seat: RuntimeSeat, handle: ContainerHandle, files: ContainerFiles): void {
  endHealth(handle)
  removeCgroups(seat.cgroups, cgroupsPathOf(handle.id))
  for (const path of [
    join(seat.root, handle.id),
    files.bundle,
    files.exits,
    files.persist,
    files.identity,
    files.started,
    files.pidFile,
    files.monitorPidFile,
    healthFiles(handle).folder,
  ]) {
    rmSync(path, { recursive: true, force: true })
  }
}

export async function startContainer(seat: RuntimeSeat, handle: ContainerHandle): Promise<void> {
  const files = containerFiles(handle)
  getRunning(handle)
  writeFileSync(files.started, '')
  if (openStartGate(seat, handle.id)) return
  const { exitCode, stderr } = await callRuntime(seat, ['start', handle.id])
  if (exitCode !== 0)
    throw failure('RUNTIME_FAILED', {
      runtime: seat.program.path,
      reason: stderr.trim(),
      log: files.runtimeLog,
    })
}

function startGate(seat: RuntimeSeat, id: string): string {
  return join(seat.root, id, 'exec.fifo')
}

/**
 * The runtime holds the process at a fifo in its state folder and `start` does no more than open it. crun's process
 * reads from it, so writing there saves a whole run of the runtime; runc's writes to it, and its reader must wait:
 * that is left to runc. False when it did not work.
 */
function openStartGate(seat: RuntimeSeat, id: string): boolean {
  if (seat.program.name !== 'crun') return false
  const gate = startGate(seat, id)
  try {
    const fd = openSync(gate, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      writeSync(fd, '0')
    } finally {
      closeSync(fd)
    }
    unlinkSync(gate)
    return true
  } catch {
    return false
  }
}

export function containerState(seat: RuntimeSeat, handle: ContainerHandle): ContainerRunState {
  const files = containerFiles(handle)
  const identity = readIdentity(files)
  if (identity === undefined || !isRunning(identity)) return exitedState(seat, handle, files)
  const gate = startGate(seat, handle.id)
  if (existsSync(gate)) return { status: 'created' }
  return {
    status: isFrozen(seat, handle.id) ? 'paused' : 'running',
    pid: identity.process.pid,
    startedAt: statSync(files.started, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    supervised: identity.monitor !== undefined && isAlive(identity.monitor),
  }
}

/** As `containerState`; between a process's end and its exit file, which its monitor writes, it waits for the file. */
export async function settledState(seat: RuntimeSeat, handle: ContainerHandle): Promise<ContainerRunState> {
  const files = containerFiles(handle)
  const identity = readIdentity(files)
  if (identity !== undefined && !isRunning(identity) && !isSettled(files)) {
    const limit = performance.now() + EXIT_FILE_GRACE
    while (!isSettled(files) && performance.now() < limit) await sleep(2)
  }
  return containerState(seat, handle)
}

function exitedState(seat: RuntimeSeat, handle: ContainerHandle, files: ContainerFiles): ContainerRunState {
  const exit = readExit(files) ?? { exitCode: LOST_EXIT_CODE, finishedAt: 0 }
  // conmon's own note may come too late or not at all; the kernel's counter is there until `delete`
  const oomKilled = wasOutOfMemory(seat.cgroups, handle.id) || existsSync(join(files.persist, 'oom'))
  return { status: 'exited', ...exit, oomKilled }
}

/** Waits for the exit file, which conmon writes after the last byte of output. */
export async function waitContainer(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  options: OpOptions = {},
): Promise<ProcessResult & { finishedAt: number; isSuperseded: boolean }> {
  const files = containerFiles(handle)
  const first = readIdentity(files)?.process
  const isOther = (now = readIdentity(files)?.process): boolean =>
    first !== undefined && now !== undefined && (now.pid !== first.pid || now.started !== first.started)
  for (;;) {
    await waitFor(files.exits, () => isSettled(files) || isOther(), options)
    if (isOther()) return { exitCode: LOST_EXIT_CODE, oomKilled: false, finishedAt: 0, isSuperseded: true }
    const state = containerState(seat, handle)
    if (state.status !== 'exited') continue
    const { exitCode, oomKilled, finishedAt } = state
    return { exitCode, oomKilled, finishedAt, isSuperseded: false }
  }
}

export function killContainer(handle: ContainerHandle, signal: NodeJS.Signals | number): void {
  const identity = getRunning(handle)
  try {
    process.kill(identity.process.pid, signal)
  } catch (error) {
    // it ended between the look and the signal
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    throw failure('CONTAINER_NOT_RUNNING', { id: handle.id }, { cause: error })
  }
}

function isFrozen(seat: RuntimeSeat, id: string): boolean {
  const isUnified = seat.cgroups.mode === 'v2'
  try {
    const folder = cgroupFolder(seat.cgroups, id, isUnified ? 'unified' : 'freezer')
    if (folder === undefined) return false
    if (isUnified) return /^frozen 1$/m.test(readText(join(folder, 'cgroup.events')))
    return readText(join(folder, 'freezer.state')).startsWith('FR')
  } catch {
    return false
  }
}

export async function freezeContainer(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  verb: 'pause' | 'resume',
): Promise<void> {
  const files = containerFiles(handle)
  getRunning(handle)
  if (seat.cgroups.mode === 'none') throw failure('PAUSE_UNAVAILABLE', { name: handle.id })
  const { exitCode, stderr } = await callRuntime(seat, [verb, handle.id])
  if (exitCode !== 0)
    throw failure('RUNTIME_FAILED', {
      runtime: seat.program.path,
      reason: stderr.trim(),
      log: files.runtimeLog,
    })
}

export async function deleteContainer(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  force: boolean,
): Promise<void> {
  const files = containerFiles(handle)
  const identity = readIdentity(files)
  if (identity !== undefined && isRunning(identity)) {
    const created = existsSync(startGate(seat, handle.id))
    if (!force && !created) throw failure('CONTAINER_STILL_RUNNING', { id: handle.id })
    await killWhole(seat, handle, files, identity)
  }
  await endGroup(seat.cgroups, handle.id)
  if (identity?.monitor !== undefined) await endMonitor(files, identity.monitor)
  if (isHalfMade(files)) await endHalfMade(seat.cgroups, handle.id, files)
  forget(seat, handle, files)
}

/** conmon still has its last output to write and its exit command to start; past the grace time it hangs. */
async function endMonitor(files: ContainerFiles, monitor: ProcessIdentity): Promise<void> {
  const limit = performance.now() + EXIT_FILE_GRACE
  while (isAlive(monitor) && !existsSync(files.exitFile)) {
    if (performance.now() > limit) killQuietly(monitor.pid)
    await sleep(2)
  }
}

async function killWhole(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  files: ContainerFiles,
  identity: ContainerIdentity,
): Promise<void> {
  const { pid } = identity.process
  killQuietly(pid)
  // a frozen process of the first cgroup version takes even KILL only when thawed
  if (isFrozen(seat, handle.id)) await freezeContainer(seat, handle, 'resume').catch(() => undefined)
  const limit = performance.now() + KILL_GRACE
  while (isAlive(identity.process)) {
    if (performance.now() > limit) {
      const reason = isUninterruptible(pid)
        ? `process ${pid} is in uninterruptible sleep`
        : `process ${pid} does not end`
      throw failure('RUNTIME_FAILED', { runtime: 'the kernel', reason, log: files.runtimeLog })
    }
    await sleep(2)
  }
}

/** Every process of the container, numbers as the host sees them. */
export function containerProcesses(seat: RuntimeSeat, handle: ContainerHandle): number[] {
  const identity = getRunning(handle)
  const folders = cgroupFolders(seat.cgroups, handle.id)
  const folder =
    folders.get('pids') ?? folders.get('memory') ?? folders.get('unified') ?? [...folders.values()][0]
  if (folder === undefined) return [identity.process.pid]
  return readText(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
}
