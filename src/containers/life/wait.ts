import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerHandle } from '../../runtime/runtime.ts'
import type { OpOptions } from '../../util/progress.ts'
import { isMilleError } from '../../util/errors.ts'
import { attend, findExitCode } from './exit-command.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer, type ContainerData } from '../record.ts'
import { settleContainer } from './settle.ts'

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** Milliseconds between looks at a container that somebody else must start or remove: short at first, when it is `run` that starts it. */
const interval = { first: 2, later: 50, change: 2000 } as const

/** The exit code, once the condition holds. A container that was never started counts as not running. */
export async function waitContainer(
  parts: ContainerParts,
  nameOrId: string,
  options: OpOptions & { readonly condition?: WaitCondition } = {},
): Promise<number> {
  const { store } = parts
  const { id, data } = getContainer(store, nameOrId)
  const condition = options.condition ?? 'not-running'
  const code = await waitForExit(parts, id, data, condition, options.signal)
  if (condition === 'removed') {
    const pause = pauses(options.signal)
    while (store.records<ContainerData>('container').get(id)) await pause()
  }
  return code
}

async function waitForExit(
  parts: ContainerParts,
  id: string,
  first: ContainerData,
  condition: WaitCondition,
  signal: AbortSignal | undefined,
): Promise<number> {
  let data = first
  const begun = data.startedAt
  if (isOver(data) && condition === 'not-running') return data.exit?.code ?? 0
  if (data.phase === 'created' && condition === 'not-running') return data.exit?.code ?? 0
  const handle = handleOf(parts, id)
  // before the start: a process that ends at once must find it said
  await using _attending = await attend(parts, id)
  const pause = pauses(signal)
  while (data.phase !== 'started') {
    if (condition === 'not-running' && (data.phase === 'created' || isOver(data))) return data.exit?.code ?? 0
    if (data.phase === 'exited' && data.startedAt !== begun) return data.exit?.code ?? 0
    await pause()
    const row = parts.store.records<ContainerData>('container').get(id)
    if (!row) return findExitCode(parts, id) ?? data.exit?.code ?? 0
    data = row.data
  }
  return await endOf(parts, handle, signal)
}

/** Waits for the process of a started container and settles it; `--rm` containers are gone afterwards. */
async function endOf(
  parts: ContainerParts,
  handle: ContainerHandle,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { exitCode, isSuperseded } = await parts.runtime.wait(handle, { signal })
  await settleContainer(parts, handle.id).catch((error: unknown) => {
    // another process settled and removed it first
    if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
  })
  const code = findExitCode(parts, handle.id)
  if (code !== undefined || !isSuperseded) return code ?? exitCode
  return parts.store.records<ContainerData>('container').get(handle.id)?.data.lastCode ?? exitCode
}

/** Ended, and not to be started again. */
function isOver({ phase, restart }: ContainerData): boolean {
  return phase === 'exited' && restart === undefined
}

function pauses(signal: AbortSignal | undefined): () => Promise<void> {
  const begun = performance.now()
  return () => {
    const { first, later, change } = interval
    return sleep(performance.now() - begun < change ? first : later, undefined, { signal })
  }
}
