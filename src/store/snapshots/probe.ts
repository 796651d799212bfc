import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unmount } from '../../linux/mount.ts'
import { currentProcess } from '../../linux/process-identity.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError } from '../../util/errors.ts'
import type { Snapshotter } from '../snapshotter.ts'
import { mountOverlay } from './overlay.ts'
import type { Staging } from './staging.ts'
import { readText } from '../../util/read-text.ts'

export interface Choice {
  readonly kind: Snapshotter['kind']
  /** Why nothing better; absent for the best. */
  readonly reason?: string
}

interface Kept extends Choice {
  readonly boot: string
  readonly uid: number
  readonly rights: string
}

/** Tries one kind for real in `folder` (empty, removed afterwards); throws when it does not work. */
export type Trial = (folder: string) => void

/**
 * The first of `trials` (best first) that works in this store, by doing it. The answer is kept for this boot, user and
 * capabilities in `folder`: another kernel, another user, or a container that has the store too, may have another one. `copy`
 * always works.
 */
export function chooseKind(
  folder: string,
  staging: Staging,
  trials: readonly (readonly [Snapshotter['kind'], Trial])[],
): Choice {
  const path = join(folder, 'probe.json')
  const boot = currentProcess().boot
  const uid = process.getuid?.() ?? 0
  const rights = effectiveCapabilities()
  const kept = readKept(path)
  if (kept !== undefined && kept.boot === boot && kept.uid === uid && kept.rights === rights) return kept
  try {
    const choice = tryAll(staging, trials)
    keep(path, staging.newPath(), { ...choice, boot, uid, rights })
    return choice
  } catch (error) {
    // a full or read-only disk tells nothing about the kinds; what is there can be listed and removed with any
    if (kept === undefined || !isMilleError(error, 'NO_SPACE', 'READ_ONLY_FILE_SYSTEM')) throw error
    return kept
  }
}

/** Hexadecimal. Source: proc_pid_status(5). */
function effectiveCapabilities(): string {
  return /^CapEff:\s*(\w+)$/m.exec(readText('/proc/self/status'))?.[1] ?? ''
}

function keep(path: string, made: string, choice: Kept): void {
  try {
    writeFileSync(made, JSON.stringify(choice), { mode: 0o600 })
    renameSync(made, path)
  } catch (error) {
    rmSync(made, { force: true })
    throw fromNodeError(error, path)
  }
}

function readKept(path: string): Kept | undefined {
  try {
    return JSON.parse(readText(path)) as Kept
  } catch {
    // missing or damaged: probed again
    return undefined
  }
}

function tryAll(staging: Staging, trials: readonly (readonly [Snapshotter['kind'], Trial])[]): Choice {
  const reasons: string[] = []
  for (const [kind, trial] of trials) {
    const folder = newFolder(staging)
    try {
      trial(folder)
      return reasons.length === 0 ? { kind } : { kind, reason: reasons.join('; ') }
    } catch (error) {
      const failed = fromNodeError(error, folder)
      if (isMilleError(failed, 'NO_SPACE')) throw failed
      reasons.push(`${kind}: ${reasonOf(error)}`)
    } finally {
      staging.remove(folder)
    }
  }
  return { kind: 'copy', reason: reasons.join('; ') }
}

function newFolder(staging: Staging): string {
  try {
    return staging.newFolder()
  } catch (error) {
    throw fromNodeError(error)
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}

/** Overlay mounts work here: as this user, on this file system. */
export const tryOverlay: Trial = (folder) => {
  const lower = join(folder, 'lower')
  mkdirSync(lower, { mode: 0o700 })
  overlayOn(lower, folder)
}

/** Mounts a writable overlay on `lower`, with folders of its own in `folder`, and takes it away again. */
export function overlayOn(lower: string, folder: string): void {
  const parts = ['upper', 'work', 'merged'].map((name) => join(folder, name))
  for (const part of parts) mkdirSync(part, { mode: 0o700 })
  const [upper = '', work = '', target = ''] = parts
  mountOverlay({ lower: [lower], upper: { folder: upper, work }, target })
  unmount(target)
}
