import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryFlock } from '../linux/flock.ts'

/** Waits for the lock file `path`, which the kernel frees when its holder dies. */
export async function lockFile(path: string): Promise<Disposable> {
  const fd = openSync(path, 'a', 0o600)
  try {
    for (let pause = 1; !tryFlock(fd, 'exclusive', path); pause = Math.min(pause * 2, 20)) await sleep(pause)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { [Symbol.dispose]: () => closeSync(fd) }
}
