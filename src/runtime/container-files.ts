import { statSync } from 'node:fs'
import { identifyProcess, isRunning as isAlive } from '../linux/process-identity.ts'
import type { ProcessIdentity } from '../linux/process-identity.ts'
import { failure } from '../util/errors.ts'
import { checkId } from './bundle.ts'
import type { ContainerHandle } from './runtime.ts'
import { readText } from '../util/read-text.ts'

/** Where one container's runtime files lie, below its folders. */
export interface ContainerFiles {
  readonly bundle: string
  /** conmon makes `attach` and `ctl` here. */
  readonly control: string
  readonly exits: string
  /** The container's exit code, written by conmon when all output is in the log. */
  readonly exitFile: string
  readonly persist: string
  readonly monitorLog: string
  readonly runtimeLog: string
  readonly pidFile: string
  readonly monitorPidFile: string
  readonly identity: string
  /** Its time is the container's start. */
  readonly started: string
  /** Bytes of the log that are kept. */
  readonly logLimit: string
}

export function containerFiles(handle: ContainerHandle): ContainerFiles {
  checkId(handle.id)
  const { id, folder, runFolder } = handle
  const bundle = `${runFolder}/bundle`
  return {
    bundle,
    control: bundle,
    exits: `${runFolder}/exits`,
    exitFile: `${runFolder}/exits/${id}`,
    persist: `${runFolder}/monitor`,
    monitorLog: `${folder}/conmon.log`,
    runtimeLog: `${folder}/runtime.log`,
    pidFile: `${runFolder}/pid`,
    monitorPidFile: `${runFolder}/conmon.pid`,
    identity: `${runFolder}/process.json`,
    started: `${runFolder}/started`,
    logLimit: `${runFolder}/log-limit`,
  }
}

/** What `create` found out, kept so that a reused process number is never taken for the container. */
export interface ContainerIdentity {
  /** Version of this document. */
  readonly version: 1
  readonly process: ProcessIdentity
  readonly monitor: ProcessIdentity | undefined
  readonly tty: boolean
  readonly rootfs: string
}

export function readIdentity(files: ContainerFiles): ContainerIdentity | undefined {
  try {
    return JSON.parse(readText(files.identity)) as ContainerIdentity
  } catch {
    return undefined
  }
}

/** A process number from a file that conmon or the runtime wrote; undefined while it is missing or unfinished. */
export function readPidFile(path: string): number | undefined {
  try {
    const pid = Number(readText(path))
    return Number.isInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

export function identify(pid: number | undefined): ProcessIdentity | undefined {
  return pid === undefined ? undefined : identifyProcess(pid)
}

/** Does its first process live? Not so for a later process with the same number. */
export function isRunning(identity: ContainerIdentity | undefined): boolean {
  return identity !== undefined && isAlive(identity.process)
}

/** The identity of a container whose first process lives. Errors: CONTAINER_NOT_RUNNING. */
export function getRunning(handle: ContainerHandle): ContainerIdentity {
  const identity = readIdentity(containerFiles(handle))
  if (identity === undefined || !isAlive(identity.process))
    throw failure('CONTAINER_NOT_RUNNING', { id: handle.id })
  return identity
}

/** Is the end of the container known, or certain never to be? */
export function isSettled(files: ContainerFiles): boolean {
  if (readExit(files) !== undefined) return true
  const identity = readIdentity(files)
  if (isRunning(identity)) return false
  return identity?.monitor === undefined || !isAlive(identity.monitor)
}

/** Exit code and its time (milliseconds); undefined while conmon has not written it. */
export function readExit(
  files: ContainerFiles,
): { readonly exitCode: number; readonly finishedAt: number } | undefined {
  try {
    const text = readText(files.exitFile)
    // conmon renames the whole file into place, but an older one may write it in pieces
    if (!/^-?\d+/.test(text)) return undefined
    return { exitCode: Number.parseInt(text, 10) & 0xff, finishedAt: statSync(files.exitFile).mtimeMs }
  } catch {
    return undefined
  }
}
