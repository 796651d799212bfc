import { giveBackMemory } from '../../linux/give-back-memory.ts'

/** Milliseconds without a request after which a server rests. */
const rest = 3000

/** A server's memory after busy times. */
export interface MemoryAtRest extends Disposable {
  /** A request is being answered. */
  busy(): void
}

/** Once no request came for 3 s, what those before took is given back: a daemon idles most of its life. */
export function memoryAtRest(): MemoryAtRest {
  let timer: NodeJS.Timeout | undefined
  return {
    busy() {
      timer ??= setTimeout(() => {
        timer = undefined
        giveBackMemory()
      }, rest).unref()
      timer.refresh()
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
