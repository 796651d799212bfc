import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identifyProcess } from '../linux/process-identity.ts'
import type { ContainerHandle } from '../runtime/runtime.ts'
import type { Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'

const attended = 'attended'

/**
 * What the monitor runs after the process ended. A command that waits in the foreground settles the container itself
 * and says so by a file with its pid: then starting a second mille would only cost time. When that command was killed,
 * the settling is done here, so that `--rm` and the network never depend on it.
 */
export function monitorExit(folder: string, settleCommand: readonly string[]): readonly string[] {
  // a killed process that its parent has not asked for yet takes signals, but has no program any more
  const script = 'read -r pid 2>/dev/null <"$1" && [ -e "/proc/$pid/exe" ] && exit 0; shift; exec "$@"'
  return ['/bin/sh', '-c', script, 'settle', join(folder, attended), ...settleCommand]
}

/**
 * This process will settle the container, unless another one has said so before; disposing takes that back.
 * NO_SUCH_CONTAINER when it is gone.
 */
export async function attend(store: Store, handle: ContainerHandle): Promise<AsyncDisposable> {
  if (await isAttended(handle)) return { [Symbol.asyncDispose]: async () => {} }
  const path = join(handle.folder, attended)
  try {
    await writeFile(path, `${process.pid}\n`)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    // another command removed the container, its folder with it, since it was looked up
    throw failure('NO_SUCH_CONTAINER', { name: handle.id }, { cause })
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
      await rm(exitNote(store, handle.id), { force: true })
    },
  }
}

/** Does another process that lives wait for the end? */
async function isAttended({ folder }: ContainerHandle): Promise<boolean> {
  const pid = Number(await readFile(join(folder, attended), 'utf8').catch(() => ''))
  return pid !== 0 && pid !== process.pid && identifyProcess(pid) !== undefined
}

/**
 * Whoever settles a container that another process waits for leaves the exit code for it: what the runtime knew is gone
 * when that one comes to look, with `--rm` the record too.
 */
export async function leaveExitCode(store: Store, handle: ContainerHandle, code: number): Promise<void> {
  if (!(await isAttended(handle))) return
  await store.folder('exits')
  await writeFile(exitNote(store, handle.id), String(code))
}

export async function findExitCode(store: Store, id: string): Promise<number | undefined> {
  const text = await readFile(exitNote(store, id), 'utf8').catch(() => '')
  return text === '' ? undefined : Number(text)
}

function exitNote(store: Store, id: string): string {
  return join(store.root, 'exits', id)
}
