import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { killQuietly } from '../linux/kill-quietly.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { attachSocket } from './attach-socket.ts'
import { newId } from './bundle.ts'
import { cgroupFolders } from './limits/cgroups.ts'
import { checkCommand } from './command-check.ts'
import { containerFiles, getRunning, readPidFile } from './container-files.ts'
import type { ContainerIdentity } from './container-files.ts'
import { containerState } from './containers.ts'
import type { RuntimeSeat } from './containers.ts'
import { openMonitor } from './monitor.ts'
import type { MonitorRequest } from './monitor.ts'
import { runtimeEnvironment } from './oci-program.ts'
import { createOutputQueue } from './output-queue.ts'
import type { OutputQueue } from './output-queue.ts'
import { findRuntimeError } from './runtime-log.ts'
import type { AttachedStreams, ContainerHandle, ExecProcess, ExecSpec, ProcessResult } from './runtime.ts'
import { processDocument, readLimits, specText } from './spec.ts'
import type { RuntimeProcess, RuntimeSpec } from './spec.ts'
import { resolveUser, type ResolvedUser } from './user.ts'
import { waitFor } from './wait-for.ts'
import { findWorkingFolder } from './working-folder.ts'
import { readIfThere, readText } from '../util/read-text.ts'

interface ExecFiles {
  readonly folder: string
  readonly document: string
  readonly pidFile: string
  readonly runtimeLog: string
  readonly exits: string
  readonly exitFile: string
}

/** Starts a further process in a running container. Errors: CONTAINER_NOT_RUNNING, CONTAINER_PAUSED, COMMAND_*, USER_*, WORKDIR_INVALID, RUNTIME_FAILED. */
export async function execInContainer(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  options: OpOptions = {},
): Promise<ExecProcess> {
  const identity = getRunning(handle)
  const state = containerState(seat, handle)
  if (state.status === 'paused') throw failure('CONTAINER_PAUSED', { name: handle.id })
  if (state.status !== 'running') throw failure('CONTAINER_NOT_RUNNING', { id: handle.id })
  const files = writeExec(handle, spec, identity)
  try {
    if (spec.detach === true) return await execDetached(seat, handle, spec, files)
    return spec.tty
      ? await execTerminal(seat, handle, spec, files, options)
      : await execPiped(seat, handle, spec, files, options)
  } catch (error) {
    rmSync(files.folder, { recursive: true, force: true })
    throw error
  }
}

interface ExecDocument {
  readonly document: RuntimeProcess
  readonly rootfs: string
  readonly user: ResolvedUser
  readonly cwd: string
}

/** What the runtime is told of a further process. Errors: USER_*, WORKDIR_INVALID. */
export function execDocument(
  handle: ContainerHandle,
  spec: Omit<ExecSpec, 'stdin'>,
  identity: ContainerIdentity,
): ExecDocument {
  // the container's own view, its volumes included
  const rootfs = `/proc/${identity.process.pid}/root`
  const config = JSON.parse(readText(join(containerFiles(handle).bundle, 'config.json'))) as RuntimeSpec
  const own = `${config.process.user.uid}:${config.process.user.gid}`
  const user = resolveUser(rootfs, spec.user ?? own, spec.groupAdd)
  const cwd = findWorkingFolder(rootfs, spec.cwd ?? config.process.cwd)
  const base = { ...processDocument(spec, { user, cwd }), rlimits: readLimits(config.process) }
  const document = spec.privileged === true ? base : { ...base, capabilities: config.process.capabilities }
  return { document, rootfs, user, cwd }
}

function writeExec(handle: ContainerHandle, spec: ExecSpec, identity: ContainerIdentity): ExecFiles {
  const { document, ...place } = execDocument(handle, spec, identity)
  checkCommand({ ...place, args: spec.args, env: document.env, mountTargets: [] })
  const folder = join(handle.runFolder, 'exec', newId('exec'))
  const files: ExecFiles = {
    folder,
    document: join(folder, 'process.json'),
    pidFile: join(folder, 'pid'),
    runtimeLog: join(folder, 'runtime.log'),
    exits: join(folder, 'exits'),
    exitFile: join(folder, 'exits', handle.id),
  }
  mkdirSync(files.exits, { recursive: true, mode: 0o700 })
  writeFileSync(files.document, specText(document), { mode: 0o600 })
  return files
}

/** As a child of this process: its output cannot be lost, and no monitor has to start first. */
async function execPiped(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  files: ExecFiles,
  options: OpOptions,
): Promise<ExecProcess> {
  const child = spawnExec(seat, handle, spec, files)
  const queue = createOutputQueue()
  if (child.stdout) feed(queue, 'stdout', child.stdout)
  if (child.stderr) feed(queue, 'stderr', child.stderr)
  child.stdin?.on('error', () => {}) // a process need not read its input
  let ended = false
  const result = resultOf(seat, child, files).finally(() => {
    ended = true
    queue.end()
    rmSync(files.folder, { recursive: true, force: true })
  })
  result.catch(() => {}) // reported by `wait`, or below
  const pid = await pidOf(files.pidFile, () => ended, result)
  const kill = (): void => killQuietly(pid)
  options.signal?.addEventListener('abort', kill, { once: true })
  return {
    pid,
    output: queue,
    write: (chunk) =>
      new Promise((resolve) => {
        if (child.stdin === null || child.stdin.destroyed) resolve()
        else child.stdin.write(chunk, () => resolve())
      }),
    end: async () => {
      child.stdin?.end()
    },
    resize: async () => {},
    wait: () => result,
    async [Symbol.asyncDispose]() {
      options.signal?.removeEventListener('abort', kill)
      child.stdin?.destroy()
      child.stdout?.destroy()
      child.stderr?.destroy()
      child.unref()
    },
  }
}

function spawnExec(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  files: ExecFiles,
): ChildProcess {
  const log = ['--root', seat.root, '--log', files.runtimeLog, '--log-format', 'json']
  const exec = ['exec', '--process', files.document, '--pid-file', files.pidFile, handle.id]
  return spawn(seat.program.path, [...seat.program.plainPrefix, ...log, ...exec], {
    stdio: [spec.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: true,
    env: runtimeEnvironment(),
  })
}

/** How the process ended. RUNTIME_FAILED when it could not be started. */
function resultOf(seat: RuntimeSeat, child: ChildProcess, files: ExecFiles): Promise<ProcessResult> {
  const failed = (reason: string): Error =>
    failure('RUNTIME_FAILED', { runtime: seat.program.path, reason, log: files.runtimeLog })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(failed(cause.message)))
    child.once('close', (code) => {
      const reason = code === 0 ? undefined : findRuntimeError(files.runtimeLog)
      if (reason === undefined) resolve({ exitCode: code ?? 137, oomKilled: false })
      else reject(failed(reason))
    })
  })
}

/** 0 when the process came and went before its number was written. */
async function pidOf(
  pidFile: string,
  hasEnded: () => boolean,
  result: Promise<ProcessResult>,
): Promise<number> {
  for (;;) {
    const pid = readPidFile(pidFile)
    if (pid !== undefined) return pid
    if (hasEnded()) {
      await result
      return 0
    }
    await sleep(1)
  }
}

function feed(queue: OutputQueue, stream: 'stdout' | 'stderr', source: Readable): void {
  source.on('data', (chunk: Buffer) => {
    queue.push({ stream, chunk })
    if (!queue.isFull) return
    source.pause()
    const before = queue.onRoom
    queue.onRoom = () => {
      before?.()
      source.resume()
      queue.onRoom = undefined
    }
  })
}

/** With conmon: it owns the terminal, so that its size can change and a lost client does not kill the process. */
async function execTerminal(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  files: ExecFiles,
  options: OpOptions,
): Promise<ExecProcess> {
  let streams: AttachedStreams | undefined
  const onAttachable = (): void => {
    streams = attachSocket(files.folder)
  }
  const pid = await monitorExec(seat, handle, spec, files, {
    ...options,
    flags: ['--exec-attach'],
    onAttachable,
  })
  if (streams === undefined)
    throw failure('RUNTIME_FAILED', {
      runtime: 'conmon',
      reason: 'it offered no terminal',
      log: files.folder,
    })
  return { ...streams, pid, wait: () => execResult(files) }
}

/** Nobody waits for its end: the monitor itself takes the folder away, and with it the environment on disk. */
async function execDetached(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  files: ExecFiles,
): Promise<ExecProcess> {
  const exit = ['--exit-command', '/bin/rm', '--exit-command-arg=-rf', `--exit-command-arg=${files.folder}`]
  const pid = await monitorExec(seat, handle, spec, files, { flags: exit })
  const output = createOutputQueue()
  output.end()
  return {
    pid,
    output,
    write: async () => {},
    end: async () => {},
    resize: async () => {},
    wait: async () => ({ exitCode: 0, oomKilled: false }),
    [Symbol.asyncDispose]: async () => {},
  }
}

async function monitorExec(
  seat: RuntimeSeat,
  handle: ContainerHandle,
  spec: ExecSpec,
  files: ExecFiles,
  options: OpOptions & Pick<MonitorRequest, 'flags' | 'onAttachable'>,
): Promise<number> {
  const { flags, onAttachable } = options
  using monitor = openMonitor({
    ...seat,
    // those that its container is in
    controllers: new Set(cgroupFolders(seat.program.cgroups, handle.id).keys()),
    id: handle.id,
    sessionId: files.folder.slice(files.folder.lastIndexOf('/') + 1),
    bundle: files.folder,
    pidFile: files.pidFile,
    monitorPidFile: join(files.folder, 'conmon.pid'),
    monitorLog: join(files.folder, 'conmon.log'),
    runtimeLog: files.runtimeLog,
    tty: spec.tty,
    stdin: spec.stdin,
    flags: [
      '--exec',
      '--exec-process-spec',
      files.document,
      '--exit-dir',
      files.exits,
      '--log-path',
      'none',
      ...flags,
    ],
    ...(onAttachable === undefined ? {} : { onAttachable }),
  })
  return await monitor.start(options)
}

/** Its folder goes when the result was taken; those of killed clients go with the container. */
async function execResult(files: ExecFiles): Promise<ProcessResult> {
  const read = (): string => readIfThere(files.exitFile)
  await waitFor(files.exits, () => read() !== '' || !existsSync(files.exits))
  const exitCode = Number.parseInt(read(), 10)
  rmSync(files.folder, { recursive: true, force: true })
  return { exitCode: Number.isNaN(exitCode) ? 255 : exitCode & 0xff, oomKilled: false }
}
