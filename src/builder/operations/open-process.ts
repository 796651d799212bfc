import { join } from 'node:path'
import { writeFileWithMode } from '../../util/exact-mode.ts'
import type { OpenedMounts } from '../mounts/open-mounts.ts'
import { defaultPath } from '../plan/stage-state.ts'
import type { BuildStep, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepMount, StepNetwork, StepSpec } from '../step-runner.ts'
import { hostFiles } from './host-files.ts'

/** The runtime's own tmpfs: nothing of a script that lies there gets into the layer. */
const scriptFolder = '/dev/pipes'

export interface ProcessParts {
  /** Unique to the step. */
  readonly key: string
  /** The mounted files. */
  readonly rootfs: string
  readonly opened: OpenedMounts
  /** Gives back the network. */
  readonly stack: AsyncDisposableStack
}

/** The process of a RUN; files that it needs are written into the step's folder. */
export async function openProcess(
  session: BuildSession,
  { step }: Pick<StepInputs, 'step'>,
  op: RunOp,
  { key, rootfs, opened, stack }: ProcessParts,
): Promise<StepSpec> {
  const { hostname, shmSize, ulimits, cgroupParent, limits } = session.run
  const network = stack.use(await connect(session, op, key))
  const mounts = await ownMounts(session, step, op, network)
  return {
    rootfs,
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
  }
}

/** Last wins: ENV over ARG over what the builder adds. */
function environment({ hasEpoch, epoch, machine }: BuildSession, { env, args, proxies }: RunOp): string[] {
  const hasPath = env.some(([name]) => name === 'PATH')
  const added = [
    ...(hasPath ? [] : [['PATH', defaultPath] as const]),
    ...(machine === undefined ? [] : [['TZ', machine.timeZone] as const]),
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
  const mounts = Object.entries(files).map(([name, content]): StepMount => {
    const source = join(folder, name)
    writeFileWithMode(source, content, 0o644)
    return { type: 'bind', source, target: `/etc/${name}`, readonly: false, options: ['rprivate'] }
  })
  if (op.script === undefined) return mounts
  const source = join(folder, 'script')
  writeFileWithMode(source, op.script.content, 0o755)
  return [...mounts, { type: 'bind', source, target: `${scriptFolder}/${op.script.name}`, readonly: true }]
}
