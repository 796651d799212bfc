import type { Containers } from '../../containers/containers.ts'
import type { SignalSource } from '../command.ts'

/** Hands this process's signals on to a container while in use. SIGWINCH and SIGCHLD are this terminal's own affair. */
export function proxySignals(signals: SignalSource, containers: Containers, id: string): Disposable {
  const release = signals.intercept((signal) => {
    if (signal === 'SIGWINCH' || signal === 'SIGCHLD') return
    // a container that has ended meanwhile needs no signal
    containers.kill(id, signal).catch(() => undefined)
  })
  return { [Symbol.dispose]: release }
}
