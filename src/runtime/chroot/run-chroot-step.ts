import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { identifyProcess } from '../../linux/process-identity.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { workerEntry } from '../../util/worker-pool.ts'
import { checkId } from '../bundle.ts'
import { chrootCapabilities } from '../capabilities.ts'
import { checkCommand } from '../command-check.ts'
import { makeMountStubs, pointsOf } from '../step/mount-stubs.ts'
import { runtimeEnvironment } from '../oci-program.ts'
import { pointOf, type StepIo } from '../step/run-step.ts'
import type { ProcessResult, ProcessSpec } from '../runtime.ts'
import { mergeEnvironment, resourceLimits } from '../spec.ts'
import { resolveUser } from '../user.ts'
import { prepareWorkingFolder, resolveInRoot } from '../working-folder.ts'
import { keeperFile, type KeeperRecord } from './end-keeper.ts'
import { deviceFolder, emptyFolder, mountedCopy, secretFile } from './cover-kinds.ts'
import { placeCovers } from './covers.ts'
import { endProcessesIn } from './processes-in.ts'
import { refuseUnsupported } from './refuse-unsupported.ts'
import type { KeeperOrder, KeeperReport, KeptProcess } from './step-keeper.ts'

export interface ChrootStep {
  /** Made for the step, and removed again. */
  readonly folder: string
  readonly id: string
  readonly spec: ProcessSpec
  readonly io: StepIo
  /** Why chroot, for errors. */
  readonly reason: string
}

/**
 * Runs one process to its end with `spec.rootfs` as its root folder and nothing else of its own: for where the kernel gives no
 * namespaces. The network, the host name, the numbers of processes and the limits are those around; /proc and /sys are empty;
 * mounts are copies. Everything the step started has ended when this resolves, and in the root is only what the step itself
 * changed. The rest is as for `runStep`. Errors: ISOLATION_UNAVAILABLE for what cannot be had that way.
 */
export async function runChrootStep(step: ChrootStep, options: OpOptions = {}): Promise<ProcessResult> {
  const { folder, id, spec, io, reason } = step
  const { rootfs, mounts, secrets = { env: [], files: [] } } = spec
  checkId(id)
  refuseUnsupported(spec, reason)
  throwIfAborted(options.signal)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // given back in turn: covers, then the places that were made for them
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const places = [...pointsOf(['/proc', '/sys', '/dev']), ...mounts.map(pointOf)]
  const secretPlaces = secrets.files.map(({ target }) => ({ target, isFolder: false }))
  const stubs = makeMountStubs(rootfs, [...places, ...secretPlaces])
  stack.defer(() => stubs.remove())
  const process = prepare(spec, secrets.env)
  const covers = placeCovers(rootfs, [
    emptyFolder('/proc', 0o555),
    emptyFolder('/sys', 0o555),
    deviceFolder(() => io.onOutput('stderr', Buffer.from(`${noDevices}\n`))),
    ...mounts.map(mountedCopy),
    ...secrets.files.map(secretFile),
  ])
  stack.defer(() => covers.remove())
  // below a cover nobody has made it yet, and what was copied there has links of its own
  mkdirSync(posix.join(rootfs, resolveInRoot(rootfs, process.cwd)), { recursive: true })
  const exitCode = await runKept(step, { ...process, secrets: covers.secrets }, options.signal)
  throwIfAborted(options.signal)
  return { exitCode, oomKilled: false }
}

const noDevices = 'chroot isolation: no devices can be made here; /dev/null is an ordinary file'

/** Everything that can be wrong with a request, before anything is in its way. */
function prepare(spec: ProcessSpec, secretEnv: readonly string[]): Omit<KeptProcess, 'secrets'> {
  const { rootfs, args } = spec
  const mountTargets = spec.mounts.map(({ target }) => target)
  const user = resolveUser(rootfs, spec.user)
  const cwd = prepareWorkingFolder(rootfs, spec.cwd, mountTargets)
  const terminal = spec.tty === true ? ['TERM=xterm'] : []
  const env = mergeEnvironment([...terminal, ...spec.env, ...secretEnv], user.home)
  checkCommand({ rootfs, args, env, cwd, user, mountTargets })
  return {
    root: rootfs,
    cwd,
    uid: user.uid,
    gid: user.gid,
    groups: user.groups,
    args,
    env: Object.fromEntries(env.map((line) => split(line))),
    limits: resourceLimits(spec.ulimits ?? []).map(({ type, soft, hard }) => ({
      name: type.slice('RLIMIT_'.length).toLowerCase(),
      // JSON has no infinity
      soft: Number.isFinite(soft) ? soft : -1,
      hard: Number.isFinite(hard) ? hard : -1,
    })),
    capabilities: chrootCapabilities(),
  }
}

function split(line: string): [string, string] {
  const equals = line.indexOf('=')
  return [line.slice(0, equals), line.slice(equals + 1)]
}

async function runKept(
  { folder, spec: { rootfs, tty = false }, io }: ChrootStep,
  wanted: KeptProcess,
  signal: AbortSignal | undefined,
): Promise<number> {
  const entry = fileURLToPath(workerEntry(import.meta.url, './step-keeper.ts'))
  const input = io.stdin === undefined ? 'ignore' : 'pipe'
  const child = spawn(process.execPath, ['--max-semi-space-size=1', '--no-warnings', entry], {
    stdio: tty ? ['inherit', 'inherit', 'inherit', 'ipc'] : [input, 'pipe', 'pipe', 'ipc'],
    detached: !tty,
    env: runtimeEnvironment(),
  })
  const ended = reportOf(child)
  const keeper = identifyProcess(child.pid ?? 0)
  const record: KeeperRecord = { keeper, rootfs, secrets: wanted.secrets }
  writeFileSync(join(folder, keeperFile), JSON.stringify(record))
  child.stdout?.on('data', (chunk: Buffer) => io.onOutput('stdout', chunk))
  child.stderr?.on('data', (chunk: Buffer) => io.onOutput('stderr', chunk))
  if (child.stdin) {
    // a process that does not read its input is judged by its exit code
    child.stdin.on('error', () => {})
    io.stdin?.on('error', () => child.stdin?.destroy())
    io.stdin?.pipe(child.stdin)
  }
  const abort = (): void => void (child.connected && child.send('end' satisfies KeeperOrder))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    child.send(wanted satisfies KeeperOrder)
    const report = await ended
    if (report !== undefined && 'exitCode' in report) return report.exitCode
    await endProcessesIn(rootfs)
    throwIfAborted(signal)
    const reason = report?.failed ?? 'the process that keeps the step was killed'
    throw failure('RUNTIME_FAILED', { runtime: 'chroot', reason, log: 'none' })
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * Once the keeper has ended and all output has come. Undefined, at once, when it ended without a word: what it kept may still
 * run then, and hold its output open.
 */
function reportOf(child: ChildProcess): Promise<KeeperReport | undefined> {
  let report: KeeperReport | undefined
  child.on('message', (said: KeeperReport) => (report = said))
  return new Promise((resolve) => {
    child.once('close', () => resolve(report))
    // after all messages
    child.once('disconnect', () => report === undefined && resolve(undefined))
    child.once('error', ({ message }) => resolve({ failed: message }))
  })
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw failure('CANCELED', {})
}
