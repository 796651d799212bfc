import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDockerfile } from '../../dockerfile/parser.ts'
import type { RecordRow } from '../../store/record-store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { BuildEvent, DebugWish } from '../build.ts'
import { removeBuildFolder, removeLeftovers } from '../build-leftovers.ts'
import { StepCache } from '../cache/step-cache.ts'
import type { BuilderParts } from '../builder-parts.ts'
import { MountSources } from '../mounts/mount-sources.ts'
import { openMounts } from '../mounts/open-mounts.ts'
import { openProcess } from '../operations/open-process.ts'
import type { PlannedMount, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { credentialsOf } from '../sources/source-access.ts'
import type { StepExit, StepUlimit } from '../step-runner.ts'
import { Views } from '../views.ts'
import { type FailedStep, FailedSteps } from './failed-steps.ts'

/**
 * Runs a command on the files that a failed RUN left, with its variables, mounts, user and folder; what it changes stays
 * there. Secrets and agents are those of `wish`, none of them required.
 */
export async function debugStep(
  parts: BuilderParts,
  id: string | undefined,
  wish: DebugWish,
  { signal = new AbortController().signal }: OpOptions,
): Promise<StepExit> {
  const { store, runner } = parts
  const steps = new FailedSteps(store)
  const row = steps.get(id)
  await using _held = await hold(steps, row.id)
  steps.noteUse(row.id)
  await using lease = await store.lease('debug')
  const session = { id: `build-${lease.id}`, lease }
  await removeLeftovers(store, runner)
  await using _alive = await store.lock(session.id)
  const folder = await store.folder('builds', session.id)
  try {
    await using views = new Views(store, session.id)
    const whole = await openSession(parts, row.data, wish, { ...session, folder, views, signal })
    return await runCommand(whole, row, wish)
  } finally {
    await removeBuildFolder(folder)
  }
}

async function hold(steps: FailedSteps, id: string): Promise<AsyncDisposable> {
  try {
    return await steps.hold(id)
  } catch (error) {
    if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
    throw failure('FAILED_STEP_BUSY', { id, holder: String(error.details['holder']) }, { cause: error })
  }
}

type Own = Pick<BuildSession, 'id' | 'lease' | 'folder' | 'signal'> & { readonly views: Views }

/** What the step's own build had, as far as a process needs it. */
async function openSession(
  { store, runner, networks }: BuilderParts,
  { dockerfile, scope, run, timestamps, epoch, hasEpoch, offline }: FailedStep,
  { secrets, ssh, io }: DebugWish,
  { views, ...own }: Own,
): Promise<BuildSession> {
  const emit = (event: BuildEvent): void => {
    if (event.type === 'output') io.onOutput(event.stream, event.chunk)
  }
  return {
    ...own,
    store,
    runner,
    dockerfile: parseDockerfile(dockerfile.source, { fileName: dockerfile.fileName }),
    cache: new StepCache(store, own.lease, await store.folder('contexts')),
    scope,
    timestamps,
    epoch,
    hasEpoch,
    run: { ...run, ...(run.ulimits && { ulimits: run.ulimits.map(readUlimit) }) },
    ...credentialsOf({ ...(secrets && { secrets }), ...(ssh && { ssh }), offline }),
    keepsFailures: false,
    emit,
    now: () => 0,
    context: () => Promise.reject(new TypeError('mounts of the context were kept as layers')),
    tree: (chain) => views.tree(chain),
    view: (chain) => views.path(chain),
    lower: (chain) => views.lower(chain),
    ...(networks === undefined ? {} : { networks }),
  }
}

/** JSON has no infinity. */
function readUlimit({ name, soft, hard }: StepUlimit): StepUlimit {
  const read = (value: number | null): number => value ?? Infinity
  return { name, soft: read(soft), hard: read(hard) }
}

async function runCommand(
  session: BuildSession,
  { id, data }: RecordRow<FailedStep>,
  { command, io, terminal, onOpen }: DebugWish,
): Promise<StepExit> {
  const { store, runner, signal } = session
  const { step, results, exitCode, createdAt } = data
  if (step.op.kind !== 'run') throw new TypeError(`kept a step that is no RUN: ${step.op.kind}`)
  const { op, missing } = withoutSecrets(step.op, session)
  const inputs: StepInputs = {
    step,
    parent: { diffIds: [], cached: true },
    results: new Map(Object.entries(results)),
  }
  await mkdir(join(session.folder, step.id))
  await using stack = new AsyncDisposableStack()
  const key = `${session.id}-debug`
  const sources = new MountSources(session, inputs, op.mounts)
  const opened = await openMounts(session, inputs, op, sources, { key, stack })
  const rootfs = await mountFiles(session, data, id)
  stack.defer(() => store.snapshots.unmount(data.key))
  const spec = await openProcess(session, inputs, op, { key, rootfs, opened, stack })
  const args = command ?? shellOf(op)
  onOpen?.({ id, name: step.name, command: op.argv, exitCode, createdAt, missing })
  const tty = terminal === undefined ? {} : { tty: true, consoleSize: terminal }
  return await runner.run(`mille-${session.id}`, { ...spec, args, ...tty }, io, { signal })
}

async function mountFiles({ store }: BuildSession, { key }: FailedStep, id: string): Promise<string> {
  try {
    return (await store.snapshots.mount(key)).path
  } catch (error) {
    if (!isMilleError(error, 'SNAPSHOT_NOT_FOUND')) throw error
    throw failure('NO_FAILED_STEP', { what: `the files of failed step ${id} are gone` }, { cause: error })
  }
}

/** The shell that the instruction was written for, with its options. */
function shellOf({ argv, script }: RunOp): readonly string[] {
  const [shell = ''] = argv
  const isShell = script === undefined && shell.endsWith('sh') && argv.at(-2) === '-c'
  return isShell ? argv.slice(0, -2) : ['/bin/sh']
}

/** Nothing is required of whoever only looks. */
function withoutSecrets(
  op: RunOp,
  { secrets, ssh }: Pick<BuildSession, 'secrets' | 'ssh'>,
): { readonly op: RunOp; readonly missing: readonly string[] } {
  const missing = op.mounts.flatMap((mount) => {
    if (mount.type === 'secret') return secrets.has(mount.id) ? [] : [`secret ${mount.id}`]
    if (mount.type === 'ssh') return ssh.has(mount.id) ? [] : [`ssh agent ${mount.id}`]
    return []
  })
  const mounts = op.mounts.map((mount): PlannedMount => {
    return mount.type === 'secret' || mount.type === 'ssh' ? { ...mount, required: false } : mount
  })
  return { op: { ...op, mounts }, missing: [...new Set(missing)] }
}
