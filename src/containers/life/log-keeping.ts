import { containerFolders } from '../handle.ts'
import { logLimit } from '../create/log-config.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerData } from '../record.ts'

/** Milliseconds after which a container that still runs may have written much. */
const pause = 1000

/** Has the logs of what this process started kept within their limits, also when it is gone. */
export interface LogKeeping extends Disposable {
  started(id: string): void
}

/** The keeper is a process of its own, so that most containers, which end at once, do without. */
export function createLogKeeping(parts: ContainerParts): LogKeeping {
  const { store, runtime } = parts
  const started = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    const running = [...started].some((id) => {
      const data = store.records<ContainerData>('container').get(id)?.data
      return data?.phase === 'started' && logLimit(data.request) !== undefined
    })
    if (running) runtime.keepLogs(containerFolders(parts))
    started.clear()
    clearTimeout(timer)
    timer = undefined
  }
  return {
    started(id) {
      started.add(id)
      timer ??= setTimeout(begin, pause).unref()
    },
    [Symbol.dispose]: begin,
  }
}
