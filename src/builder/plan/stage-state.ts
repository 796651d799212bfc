import type { ContainerConfig, HistoryEntry } from '../../oci/config.ts'
import type { Platform } from '../../oci/platform.ts'
import type { BaseImage } from '../base-images.ts'
import type { HistoryRow, ImagePlan } from './image-plan.ts'
import type { Setting, StepId } from './step.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
export const defaultShell: readonly string[] = ['/bin/sh', '-c']

/** A stage as it is after the instructions read so far; a stage `FROM stage` goes on from a copy. */
export interface StageState {
  readonly platform: Platform
  readonly base?: BaseImage
  readonly baseHistory: readonly HistoryEntry[]
  readonly history: HistoryRow[]
  /** In the image's order. */
  readonly env: Map<string, string>
  /** Declared ARGs; undefined has no value. */
  readonly args: Map<string, string | undefined>
  /** Names of ARGs that were given a value after the ENV of that name: they hide it from what follows (B21). */
  readonly hiding: Set<string>
  readonly labels: Map<string, string>
  /** `80/tcp`. */
  readonly ports: Set<string>
  readonly volumes: Set<string>
  /** Everything else of the image config. */
  readonly config: Mutable<ContainerConfig>
  author?: string
  root?: StepId
  /** A CMD stood in this stage: ENTRYPOINT does not reset it (A22). */
  hasCmd: boolean
}

export function emptyState(platform: Platform): StageState {
  return {
    platform,
    baseHistory: [],
    history: [],
    env: new Map([['PATH', defaultPath]]),
    args: new Map(),
    hiding: new Set(),
    labels: new Map(),
    ports: new Set(),
    volumes: new Set(),
    config: { WorkingDir: '/' },
    hasCmd: false,
  }
}

export function stateOfImage(base: BaseImage, root: StepId, wanted: Platform): StageState {
  const { config: image } = base
  const { Env, Labels, ExposedPorts, Volumes, ...config } = image.config ?? {}
  return {
    platform: imagePlatform(base, wanted),
    base,
    baseHistory: image.history ?? [],
    history: [],
    env: new Map((Env ?? []).map(splitEnv)),
    args: new Map(),
    hiding: new Set(),
    labels: new Map(Object.entries(Labels ?? {})),
    ports: new Set(Object.keys(ExposedPorts ?? {})),
    volumes: new Set(Object.keys(Volumes ?? {})),
    config: { ...config },
    ...(image.author === undefined ? {} : { author: image.author }),
    root,
    hasCmd: false,
  }
}

export function stateOfStage(stage: StageState): StageState {
  const { config, env, args, history } = stage
  return {
    ...stage,
    config: { ...config },
    env: new Map(env),
    args: new Map(args),
    labels: new Map(stage.labels),
    ports: new Set(stage.ports),
    volumes: new Set(stage.volumes),
    // a stage built on this one sees its ENV again, as in BuildKit
    hiding: new Set(),
    history: [...history],
    hasCmd: false,
  }
}

/** ENV wins over an ARG of the same name that came before it, not over one with a value that comes after (B21). */
export function lookupIn({ env, args, hiding }: StageState): (name: string) => string | undefined {
  return (name) => (hiding.has(name) ? args.get(name) : (env.get(name) ?? args.get(name)))
}

/** The environment as a RUN sees it; the image's own is not changed by an ARG. */
export function visibleEnv(state: StageState): Setting[] {
  const lookup = lookupIn(state)
  return [...state.env].map(([name, value]) => [name, lookup(name) ?? value] as const)
}

/** ARGs that a RUN sees beside the environment. */
export function visibleArgs({ env, args }: StageState): Setting[] {
  return [...args].flatMap(([name, value]) =>
    value === undefined || env.has(name) ? [] : [[name, value] as const],
  )
}

/** All declared ARGs as history shows them: one without a value is empty, one that ENV hides has its value. */
export function declaredArgs(state: StageState): Setting[] {
  const lookup = lookupIn(state)
  return [...state.args.keys()].map((name) => [name, lookup(name) ?? ''] as const)
}

export function workdirOf({ config }: StageState): string {
  return config.WorkingDir === undefined || config.WorkingDir === '' ? '/' : config.WorkingDir
}

export function imagePlanOf(state: StageState): ImagePlan {
  const { platform, base, baseHistory, history, author, root } = state
  return {
    platform,
    config: configOf(state),
    baseHistory,
    baseDiffIds: base?.diffIds ?? [],
    history,
    ...(base === undefined ? {} : { base }),
    ...(author === undefined ? {} : { author }),
    ...(root === undefined ? {} : { root }),
  }
}

/** Rows the image does not have are left out. */
function configOf({ config, env, labels, ports, volumes }: StageState): ContainerConfig {
  const keys = (names: ReadonlySet<string>): Record<string, Record<string, never>> =>
    Object.fromEntries([...names].map((name) => [name, {}]))
  return {
    ...config,
    ...(env.size === 0 ? {} : { Env: [...env].map(([name, value]) => `${name}=${value}`) }),
    ...(labels.size === 0 ? {} : { Labels: Object.fromEntries(labels) }),
    ...(ports.size === 0 ? {} : { ExposedPorts: keys(ports) }),
    ...(volumes.size === 0 ? {} : { Volumes: keys(volumes) }),
  }
}

/** Roughly how many characters a copy of the stage takes; a chain of a thousand stages makes as many copies. */
export function sizeOfState({ env, args, labels, ports, volumes, history }: StageState): number {
  return (env.size + args.size + labels.size + ports.size + volumes.size) * 16 + history.length * 4
}

/** What a base says it is for; what it leaves open is as wanted. */
export function imagePlatform({ config }: BaseImage, wanted: Platform): Platform {
  const { os, architecture, variant, 'os.version': version } = config
  return {
    os: os || wanted.os,
    architecture: architecture || wanted.architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
  }
}

function splitEnv(line: string): [string, string] {
  const at = line.indexOf('=')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}
