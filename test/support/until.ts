import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds: far beyond what any of it takes on a machine that does other work, below the limit of a test. */
const longest = 60_000

/** Waits for what another process does. Throws with `what` when it never happens. */
export async function until(
  reached: () => boolean | Promise<boolean>,
  what: () => string = () => reached.toString(),
): Promise<void> {
  for (const limit = performance.now() + longest; !(await reached()); await sleep(10)) {
    if (performance.now() > limit) throw new Error(`not reached within ${longest / 1000} s: ${what()}`)
  }
}
