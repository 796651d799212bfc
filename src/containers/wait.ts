import { setTimeout as sleep } from 'node:timers/promises'
import type { OpOptions } from '../util/progress.ts'
import { isMilleError } from '../util/errors.ts'
import { attend } from './exit-command.ts'
import { handleOf } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer, type ContainerData } from './record.ts'
import { settleContainer } from './settle.ts'

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** Milliseconds between looks at a container that somebody else must start or remove. */
const interval = 50

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
    while (store.records<ContainerData>('container').get(id)) await pause(options.signal)
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
  if (data.phase === 'exited' && condition === 'not-running') return data.exit?.code ?? 0
  while (data.phase !== 'started') {
    if (condition === 'not-running' && data.phase === 'created') return data.exit?.code ?? 0
    if (data.phase === 'exited' && data.startedAt !== begun) return data.exit?.code ?? 0
    await pause(signal)
    const row = parts.store.records<ContainerData>('container').get(id)
    if (!row) return data.exit?.code ?? 0
    data = row.data
  }
  return endOf(parts, id, signal)
}

/** Waits for the process of a started container and settles it; `--rm` containers are gone afterwards. */
async function endOf(parts: ContainerParts, id: string, signal: AbortSignal | undefined): Promise<number> {
  const handle = await handleOf(parts.store, id)
  await using _attending = await attend(handle.folder)
  const { exitCode } = await parts.runtime.wait(handle, { signal })
  await settleContainer(parts, id).catch((error: unknown) => {
    // another process settled and removed it first
    if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
  })
  return exitCode
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  await sleep(interval, undefined, { signal })
}
