import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isMountRoot } from '../../linux/statx.ts'
import { mount, mountFlags, unmount, unmountFlags } from '../../linux/mount.ts'
import { currentFolder } from '../../linux/openat2.ts'
import { isMilleError } from '../../util/errors.ts'
import type { LockFunction } from './dependencies.ts'

/**
 * The one folder below which this store mounts. It is a private mount of itself: what is mounted here does not
 * spread into other mount namespaces, where it would keep removed layers busy.
 */
export class PrivateMounts {
  readonly #folder: string
  readonly #lock: LockFunction
  #ready = false

  constructor(folder: string, lock: LockFunction) {
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
    await using _ = await this.#lock('mounts')
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

  /** After a reboot there are the folders, but no mounts. */
  #prepare(): void {
    if (this.#ready) return
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    if (!this.isMounted(this.#folder)) {
      mount({ source: this.#folder, target: this.#folder, flags: mountFlags.bind })
      mount({ source: 'none', target: this.#folder, flags: mountFlags.private })
    }
    this.#ready = true
  }
}
