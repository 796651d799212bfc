import { closeSync, existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { isMountRoot } from '../../linux/statx.ts'
import { mount, mountFlags, unmount, unmountFlags } from '../../linux/mount.ts'
import { currentFolder, openFolder } from '../../linux/openat2.ts'
import { isMilleError } from '../../util/errors.ts'
import type { LockFunction } from './dependencies.ts'
import { mountOverlay } from './overlay.ts'

/** Holds mounts that live only as long as a call. */
const lent = 'lent'

/**
 * The one folder below which this store mounts. It is a private mount of itself: what is mounted here does not
 * spread into other mount namespaces, where it would keep removed layers busy.
 */
export class PrivateMounts {
  readonly #folder: string
  readonly #lock: LockFunction
  readonly #newName: () => string
  #ready = false

  constructor(folder: string, lock: LockFunction, newName: () => string) {
    this.#newName = newName
    this.#folder = folder
    this.#lock = lock
  }

  path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts)
  }

  isMounted(path: string): boolean {
    return isMountRoot(currentFolder, path)
  }

  /** Runs `mountIt` unless something is mounted on `path` already, whichever process did it. */
  async ensure(path: string, mountIt: () => void): Promise<void> {
    if (this.#ready && this.isMounted(path)) return
    await using _ = await this.#lock('mounts', { lasting: () => true })
    this.#prepare()
    mkdirSync(path, { recursive: true, mode: 0o700 })
    if (!this.isMounted(path)) mountIt()
  }

  /** Takes away what is mounted on `path`, at once for names; open files live on. Nothing mounted is fine. */
  release(path: string): void {
    if (!this.isMounted(path)) return
    try {
      unmount(path)
    } catch (error) {
      if (!isMilleError(error, 'PATH_BUSY')) throw error
      unmount(path, unmountFlags.detach)
    }
  }

  /** Takes the mount away and its folder with it. */
  removeTarget(path: string): void {
    this.release(path)
    if (existsSync(path)) rmdirSync(path)
  }

  /** `removeTarget` of those in one folder whose name is meant. */
  removeTargets(folder: string, isMeant: (name: string) => boolean): void {
    if (!existsSync(this.path(folder))) return
    for (const name of readdirSync(this.path(folder)))
      if (isMeant(name)) this.removeTarget(this.path(folder, name))
  }

  /**
   * Lends a handle of the merged view of `lower` (top first): the folder itself, or an overlay mounted for as long as
   * `use` runs; undefined for no layers.
   */
  async withMerged<Result>(
    lower: readonly string[],
    use: (merged: number | undefined) => Result | Promise<Result>,
  ): Promise<Result> {
    const [only] = lower
    if (only === undefined) return await use(undefined)
    if (lower.length === 1) return await useFolder(only, use)
    return await this.withTarget(
      (target) => mountOverlay({ lower, target }),
      (target) => useFolder(target, use),
    )
  }

  /** Mounts something on a folder of its own for as long as `use` runs. */
  async withTarget<Result>(
    mountIt: (target: string) => void,
    use: (target: string) => Result | Promise<Result>,
  ): Promise<Result> {
    const target = this.path(lent, this.#newName())
    await this.ensure(target, () => mountIt(target))
    try {
      return await use(target)
    } finally {
      this.removeTarget(target)
    }
  }

  /** Takes away what dead processes had lent themselves by `withTarget`. */
  sweep(isLeftOver: (name: string) => boolean): void {
    this.removeTargets(lent, isLeftOver)
  }

  /** After a reboot there are the folders, but no mounts. */
  #prepare(): void {
    if (this.#ready) return
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    if (!this.isMounted(this.#folder))
      mount({ source: this.#folder, target: this.#folder, flags: mountFlags.bind })
    // every time: a kill may have come between the two
    mount({ source: 'none', target: this.#folder, flags: mountFlags.private })
    this.#ready = true
  }
}

async function useFolder<Result>(
  path: string,
  use: (folder: number) => Result | Promise<Result>,
): Promise<Result> {
  const folder = openFolder(path)
  try {
    return await use(folder)
  } finally {
    closeSync(folder)
  }
}
