import { posix } from 'node:path'
import type { MountField, RunInstruction, RunMountFlag, Word } from '../../dockerfile/ast.ts'
import { expandAt, spend } from '../../dockerfile/located.ts'
import { proxyArgs } from '../../dockerfile/predefined-args.ts'
import { faultRange } from '../../dockerfile/run-flags.ts'
import { readMount } from '../../dockerfile/run-mount.ts'
import type { MountFault, RunMount } from '../../dockerfile/run-mount.ts'
import type { MilleError } from '../../util/errors.ts'
import { commandWords, refuse } from './config-instructions.ts'
import type { Reading } from './config-instructions.ts'
import { runText } from './created-by.ts'
import type { PlannedOp } from './file-instructions.ts'
import { declaredArgs, lookupIn, visibleArgs, visibleEnv, workdirOf } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import type { CopyOrigin, PlannedMount, RunOp } from './step.ts'

/** What a Dockerfile may only ask for, and whoever starts the build must allow (B90). */
export type Entitlement = 'network.host' | 'security.insecure'

export interface RunReading extends Reading {
  /** Of steps that do not say `--network`. */
  readonly network: 'default' | 'none' | 'host'
  readonly entitlements: ReadonlySet<Entitlement>
}

/** RUN as a step. DOCKERFILE_INVALID when it asks for what nobody allowed (C-B3). */
export function planRun(
  reading: RunReading,
  state: StageState,
  instruction: RunInstruction,
  mounts: readonly PlannedMount[],
): PlannedOp<RunOp> {
  const { command, text } = instruction
  const argv = commandWords(state, command)
  // the rows of the environment: 16 characters is what a short one costs
  spend(reading.dockerfile, instruction, (state.env.size + state.args.size) * 16)
  const args = visibleArgs(state)
  const proxies = [...proxyArgs].flatMap((name) => {
    const isOwn = state.args.has(name) || state.env.has(name)
    const value = isOwn ? undefined : proxyValue(reading.buildArgs, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const isFile = command.form === 'script' && command.heredoc.content.startsWith('#!')
  const { network, security } = instruction
  if (network?.value === 'host') needEntitlement(reading, instruction, network, 'network.host')
  if (security?.value === 'insecure') needEntitlement(reading, instruction, security, 'security.insecure')
  const op: RunOp = {
    kind: 'run',
    argv,
    env: visibleEnv(state),
    args,
    proxies,
    user: state.config.User ?? '',
    cwd: workdirOf(state),
    network: network === undefined || network.value === 'default' ? reading.network : network.value,
    security: security?.value ?? 'sandbox',
    mounts,
    ...(isFile ? { script: { name: command.heredoc.name, content: command.heredoc.content } } : {}),
  }
  return { op, name: text, createdBy: runText(argv, declaredArgs(state)) }
}

/** Programs look for one or the other spelling: given once, a proxy is seen in both (B22). */
function proxyValue(buildArgs: ReadonlyMap<string, string>, name: string): string | undefined {
  const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase()
  return buildArgs.get(name) ?? buildArgs.get(other)
}

function needEntitlement(
  reading: RunReading,
  instruction: RunInstruction,
  flag: Pick<Word, 'range'>,
  entitlement: Entitlement,
): void {
  if (reading.entitlements.has(entitlement)) return
  const reason = `the entitlement ${entitlement} is needed: a build gives it with --allow ${entitlement}`
  throw refuse(reading, instruction, flag, { reason })
}

/**
 * The mounts of RUN, in their order, variables replaced in every value, `from=` too (B37). `originOf` plans the step
 * that a `from` names; without a word it is the context. DOCKERFILE_INVALID at the value to blame (D-F22, D-F23).
 */
export async function planMounts(
  reading: Reading,
  state: StageState,
  instruction: RunInstruction,
  originOf: (from: Word | undefined) => Promise<CopyOrigin>,
): Promise<PlannedMount[]> {
  const mounts: PlannedMount[] = []
  for (const flag of instruction.mounts ?? []) {
    const mount = expandMount(reading, state, instruction, flag)
    mounts.push({ ...(await place(reading, state, mount, fromOf(flag), originOf)), range: flag.range })
    const { target } = mounts.at(-1) ?? {}
    if (target === '/') {
      const field = flag.fields.findLastIndex(({ key }) => /^(target|dst|destination)$/.test(key.text))
      // without one it is the working folder, which a base or WORKDIR may have set
      const hint = field < 0 ? 'the mount needs a target: target=/…' : 'the target of a mount cannot be /'
      throw mountError(reading, instruction, flag, { reason: hint, field, part: 'value' })
    }
  }
  return mounts
}

function fromOf({ fields }: RunMountFlag): Word | undefined {
  return fields.findLast(({ key }) => key.text === 'from')?.value
}

function expandMount(
  reading: Reading,
  state: StageState,
  instruction: RunInstruction,
  flag: RunMountFlag,
): RunMount {
  const expand = ({ key, value }: MountField): { key: string; value?: string } => ({
    key: key.text,
    ...(value && { value: expandAt(reading.dockerfile, instruction, value, lookupIn(state)) }),
  })
  const mount = readMount(flag.fields.map(expand))
  if ('reason' in mount) throw mountError(reading, instruction, flag, mount)
  return mount
}

function mountError(
  reading: Reading,
  instruction: RunInstruction,
  { fields, range }: RunMountFlag,
  fault: MountFault,
): MilleError {
  return refuse(reading, instruction, { range: faultRange(fields, range, fault) }, fault)
}

type Placed<Mount> = Mount extends { readonly range: unknown } ? Omit<Mount, 'range'> : never

async function place(
  { buildArgs }: Reading,
  state: StageState,
  mount: RunMount,
  word: Word | undefined,
  originOf: (from: Word | undefined) => Promise<CopyOrigin>,
): Promise<Placed<PlannedMount>> {
  const absolute = (target: string): string => {
    const clean = posix.join('/', posix.resolve(workdirOf(state), target))
    return clean.length > 1 ? clean.replace(/\/$/, '') : clean
  }
  switch (mount.type) {
    case 'bind': {
      const { from, target, ...rest } = mount
      return { ...rest, target: absolute(target), origin: await originOrEmpty(from, word, originOf) }
    }
    case 'cache': {
      const { from, target, id, ...rest } = mount
      const origin =
        from === undefined ? ({ kind: 'empty' } as const) : await originOrEmpty(from, word, originOf)
      // as BuildKit names them, so that lists read the same
      const scoped = `${buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? ''}/${id}`
      return { ...rest, target: absolute(target), id: scoped, origin }
    }
    case 'tmpfs':
      return { ...mount, target: absolute(mount.target) }
    case 'secret':
    case 'ssh':
      return mount.target === undefined ? mount : { ...mount, target: absolute(mount.target) }
  }
}

async function originOrEmpty(
  from: string | undefined,
  word: Word | undefined,
  originOf: (from: Word | undefined) => Promise<CopyOrigin>,
): Promise<CopyOrigin> {
  return from === 'scratch' ? { kind: 'empty' } : await originOf(word)
}
