import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canExecute } from '../../linux/can-execute.ts'
import { formatPlatform, hostPlatform } from '../../oci/platform.ts'
import type { Ingredient } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import { defaultPath } from '../plan/stage-state.ts'
import { failAt } from '../plan/source-problem.ts'
import type { BuildStep, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepExit, StepMount, StepNetwork, StepSpec } from '../step-runner.ts'
import { MountSources } from '../mounts/mount-sources.ts'
import { openMounts } from '../mounts/open-mounts.ts'
import { usualHostname } from '../run-options.ts'
import { hostFiles } from './host-files.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { OutputTail } from './output-tail.ts'

/** The runtime's own tmpfs: nothing of a script that lies there gets into the layer. */
const scriptFolder = '/dev/pipes'
/** The kernel stamps files with a clock that lags by up to a tick. */
const clockLag = 20

/** RUN (A20): a container on the files so far; what it changed becomes a layer. */
export function prepareRun(session: BuildSession, inputs: StepInputs, op: RunOp): PreparedStep {
  const common = runIngredients(session, op)
  const sources = new MountSources(session, inputs, op.mounts)
  const names = sources.byName()
  const { byContent } = sources
  return {
    ...(names === undefined ? {} : { definition: [...common, ...names] }),
    ...(byContent === undefined
      ? {}
      : {
          content: async () => {
            const { ingredients, ...rest } = await byContent()
            return { ingredients: [...common, ...ingredients], ...rest }
          },
        }),
    run: () => executeRun(session, inputs, op, sources),
  }
}

function runIngredients({ timestamps, epoch, hasEpoch, run }: BuildSession, op: RunOp): Ingredient[] {
  const text = (name: string, value: string): Ingredient => ({ kind: 'text', name, value })
  const { hostname, hosts = [], shmSize, ulimits = [] } = run
  return [
    { ...text('command', JSON.stringify(op.argv)), shown: op.argv.join(' ') },
    ...(op.script === undefined ? [] : [text('script', op.script.content)]),
    text('user', op.user),
    text('folder', op.cwd),
    text('network', op.network),
    ...(op.security === 'sandbox' ? [] : [text('security', op.security)]),
    ...(hostname === usualHostname ? [] : [text('hostname', hostname)]),
    ...(hosts.length === 0 ? [] : [text('hosts', hosts.join(' '))]),
    ...(shmSize === undefined ? [] : [text('shm size', String(shmSize))]),
    ...ulimits.map(({ name, soft, hard }) => text(`ulimit ${name}`, `${soft}:${hard}`)),
    text('timestamps', `${timestamps} ${epoch}${hasEpoch ? ' given' : ''}`),
    ...op.env.map(([name, value]) => ({ kind: 'environment', name, value })),
    ...op.args.map(([name, value]) => ({ kind: 'argument', name, value })),
  ]
}

async function executeRun(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  sources: MountSources,
): Promise<StepLayer> {
  const { store, lease, signal, timestamps, epoch } = session
  const { step, parent } = inputs
  refuseForeign(session, step)
  const { hostname, shmSize, ulimits, cgroupParent, limits } = session.run
  const key = `${session.id}-${step.id.replace('.', '-')}`
  await mkdir(join(session.folder, step.id))
  // whatever happens, caches are given back and what was mounted is taken away
  await using stack = new AsyncDisposableStack()
  const opened = await openMounts(session, inputs, op, sources, { key, stack })
  const snapshot = await store.snapshots.prepare(key, parent.chain, { shortLived: true })
  stack.defer(() => store.snapshots.remove(key))
  const network = stack.use(await connect(session, op, key))
  const mounts = await ownMounts(session, step, op, network)
  const since = BigInt(Date.now() - clockLag) * 1_000_000n
  await runProcess(session, step, op, {
    rootfs: snapshot.path,
    args: op.script === undefined ? op.argv : [`${scriptFolder}/${op.script.name}`],
    env: [...environment(session, op), ...opened.env],
    cwd: op.cwd,
    user: op.user,
    hostname,
    network: network.mode,
    mounts: [...mounts, ...opened.mounts],
    privileged: op.security === 'insecure',
    measured: session.cpu !== undefined,
    ...(opened.secrets === undefined ? {} : { secrets: opened.secrets }),
    ...(shmSize === undefined ? {} : { shmSize }),
    ...(ulimits === undefined ? {} : { ulimits }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(limits === undefined ? {} : { limits }),
  })
  return await store.snapshots.commit(key, { lease, signal, timestamps, since, epoch })
}

/** Before the first thing is done: the kernel would only say "exec format error" of the shell. */
function refuseForeign({ dockerfile }: BuildSession, step: BuildStep): void {
  if (canExecute(step.platform.architecture)) return
  const foreign = formatPlatform(step.platform)
  const reason = `this machine (${formatPlatform(hostPlatform())}) does not start programs of ${foreign}: install the Debian package qemu-user-static, or build in a stage FROM --platform=$BUILDPLATFORM and COPY the result`
  throw failAt('PLATFORM_NOT_RUNNABLE', { dockerfile, instruction: step }, reason)
}

/** Last wins: ENV over ARG over what the builder adds. */
function environment({ hasEpoch, epoch }: BuildSession, { env, args, proxies }: RunOp): string[] {
  const hasPath = env.some(([name]) => name === 'PATH')
  const added = [
    ...(hasPath ? [] : [['PATH', defaultPath] as const]),
    ...(hasEpoch ? [['SOURCE_DATE_EPOCH', String(epoch)] as const] : []),
  ]
  const values = new Map([...added, ...proxies, ...args, ...env])
  return [...values].map(([name, value]) => `${name}=${value}`)
}

async function connect(session: BuildSession, op: RunOp, key: string): Promise<StepNetwork> {
  const fixed = (mode: 'none' | 'host'): StepNetwork => ({
    mode: { kind: mode },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
  // whatever was asked for: a command that needs the network should fail, not reach out
  if (session.offline) return fixed('none')
  if (op.network !== 'default') return fixed(op.network)
  return session.networks === undefined ? fixed('host') : await session.networks.connect(key)
}

/** What every step gets from this machine, and a script that is run as a file. */
async function ownMounts(
  session: BuildSession,
  step: BuildStep,
  op: RunOp,
  network: StepNetwork,
): Promise<StepMount[]> {
  const folder = join(session.folder, step.id)
  const files = await hostFiles(network, session.run)
  const mounts = await Promise.all(
    Object.entries(files).map(async ([name, content]): Promise<StepMount> => {
      const source = join(folder, name)
      await writeFile(source, content, { mode: 0o644 })
      return { type: 'bind', source, target: `/etc/${name}`, readonly: false, options: ['rprivate'] }
    }),
  )
  if (op.script === undefined) return mounts
  const source = join(folder, 'script')
  await writeFile(source, op.script.content)
  // by hand: the mode given to writeFile goes through this process's umask
  await chmod(source, 0o755)
  return [...mounts, { type: 'bind', source, target: `${scriptFolder}/${op.script.name}`, readonly: true }]
}

async function runProcess(session: BuildSession, step: BuildStep, op: RunOp, spec: StepSpec): Promise<void> {
  const tail = new OutputTail(20)
  const io = {
    onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer): void => {
      tail.add(chunk)
      session.emit({ type: 'output', step: step.id, stream, chunk, time: session.now() })
    },
  }
  const place = { dockerfile: session.dockerfile, instruction: step }
  let exit: StepExit
  try {
    exit = await session.runner.run(`mille-${session.id}-${step.id.replace('.', '-')}`, spec, io, {
      signal: session.signal,
    })
  } catch (error) {
    if (!isMilleError(error) || error.kind === 'canceled') throw error
    // the process was never started: unknown user, missing shell
    const details = { command: commandText(op), step: step.name }
    throw failAt('STEP_FAILED', place, error.message, { cause: error, details })
  }
  if (exit.cpu !== undefined) session.cpu?.set(step.id, exit.cpu)
  if (exit.exitCode === 0) return
  const reason =
    exitReason(exit, spec) + (session.offline ? ' (the build is offline: steps have no network)' : '')
  const message = `process "${commandText(op)}" did not complete successfully: ${reason}`
  const output = tail.lines().map((line) => `${line}\n`)
  const before = output.length === 0 ? '' : `------\n > ${step.name}:\n${output.join('')}------\n`
  const details = {
    command: commandText(op),
    step: step.name,
    exitCode: exit.exitCode,
    oomKilled: exit.oomKilled,
  }
  throw failAt('STEP_FAILED', place, message, { before, details })
}

function commandText({ argv, script }: RunOp): string {
  return script === undefined
    ? argv.join(' ')
    : `${script.content.split('\n', 1)[0]} (heredoc ${script.name})`
}

function exitReason({ exitCode, oomKilled }: StepExit, { limits }: StepSpec): string {
  if (oomKilled) {
    const limit = limits?.memory === undefined ? '' : `, limit ${limits.memory} bytes`
    return `killed (out of memory${limit}), exit code: ${exitCode}`
  }
  return exitCode > 128 && exitCode < 165
    ? `killed by signal ${exitCode - 128}, exit code: ${exitCode}`
    : `exit code: ${exitCode}`
}
