import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { identifyProcess } from '../../linux/process-identity.ts'
import { containerFiles } from '../../runtime/container-files.ts'
import { failure } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerData, ContainerRow } from '../record.ts'
import { hasPolicy } from './restart-policy.ts'

/** Says who waits for the container's end, by its pid. */
function attendedPath({ stateFolder }: ContainerParts, id: string): string {
  return join(stateFolder, 'attended', id)
}

/**
 * What the monitor runs after the process ended. A command that waits in the foreground settles the container itself
 * and says so by a file with its pid: then starting a second mille would only cost time. When that command was killed,
 * the settling is done here, so that `--rm` and the network never depend on it.
 */
export function monitorExit(parts: ContainerParts, { id, data }: ContainerRow): readonly string[] {
  const settle = parts.command(['container', 'settle', id])
  // what is to be started again does not depend on whether the command that waits is killed a moment later
  if (hasPolicy(data.request)) return settle
  // a killed process that its parent has not asked for yet takes signals, but has no program any more; one that settled
  // the container and ended has taken what the monitor left
  const script =
    'read -r pid 2>/dev/null <"$1" && [ -e "/proc/$pid/exe" ] && exit 0; [ -e "$2" ] || exit 0; shift 2; exec "$@"'
  const { identity } = containerFiles(handleOf(parts, id))
  return ['/bin/sh', '-c', script, 'settle', attendedPath(parts, id), identity, ...settle]
}

interface Attendance {
  count: number
  /** The exit code, once one who waits has settled the container: with `--rm` nothing else knows it then. */
  code?: number
}

/** What this process attends, by the note's path; a server has many who wait for one container. */
const attended = new Map<string, Attendance>()

/**
 * This process will settle the container, unless another one has said so before; disposing takes that back.
 * NO_SUCH_CONTAINER when it is gone.
 */
export async function attend(parts: ContainerParts, id: string): Promise<AsyncDisposable> {
  const path = attendedPath(parts, id)
  const own = attended.get(path)
  if (own === undefined && isAttended(parts, id)) return { [Symbol.asyncDispose]: async () => {} }
  const attendance: Attendance = own ?? { count: 0 }
  if (own === undefined) writeNote(path, `${process.pid}\n`)
  // another command may have removed it since it was looked up
  if (own === undefined && parts.store.records<ContainerData>('container').get(id) === undefined) {
    rmSync(path, { force: true })
    throw failure('NO_SUCH_CONTAINER', { name: id, hint: '' })
  }
  attendance.count += 1
  attended.set(path, attendance)
  return {
    async [Symbol.asyncDispose]() {
      attendance.count -= 1
      if (attendance.count > 0) return
      attended.delete(path)
      rmSync(path, { force: true })
      rmSync(exitNote(parts, id), { force: true })
    },
  }
}

function writeNote(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, text)
}

/** Does another process that lives wait for the end? */
function isAttended(parts: ContainerParts, id: string): boolean {
  const pid = Number(readIfThere(attendedPath(parts, id)))
  return pid !== 0 && pid !== process.pid && identifyProcess(pid) !== undefined
}

/**
 * Whoever settles a container leaves the exit code for all others that wait for it, in this process and another: what the
 * runtime knew is gone when they come to look, with `--rm` the record too.
 */
export function leaveExitCode(parts: ContainerParts, id: string, code: number): void {
  const own = attended.get(attendedPath(parts, id))
  if (own !== undefined) own.code = code
  if (isAttended(parts, id)) writeNote(exitNote(parts, id), String(code))
}

export function findExitCode(parts: ContainerParts, id: string): number | undefined {
  const own = attended.get(attendedPath(parts, id))
  if (own?.code !== undefined) return own.code
  const text = readIfThere(exitNote(parts, id))
  return text === '' ? undefined : Number(text)
}

/** Of a removed container: unless somebody alive still is to read them. */
export function removeNotes(parts: ContainerParts, id: string): void {
  if (isAttended(parts, id)) return
  for (const path of [attendedPath(parts, id), exitNote(parts, id)]) rmSync(path, { force: true })
}

function exitNote({ stateFolder }: ContainerParts, id: string): string {
  return join(stateFolder, 'exits', id)
}
