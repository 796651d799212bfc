import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { currentProcess, isRunning } from '../../linux/process-identity.ts'
import { randomHex } from '../../util/random.ts'

const pattern = /^tmp-(\d+)-(\d+)-([0-9a-f-]{36})-[0-9a-f]+$/

/** A fresh path in `folder`; its name tells who makes the file, so that the left-overs of dead processes are known. */
export function temporaryPath(folder: string): string {
  const { pid, started, boot } = currentProcess()
  return join(folder, `tmp-${String(pid)}-${started}-${boot}-${randomHex(8)}`)
}

/** Unlinks what dead processes left. One readdir of a folder that is nearly always empty: cheap enough for every open. */
export function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, started, boot] = pattern.exec(name) ?? []
    if (pid === undefined || started === undefined || boot === undefined) continue
    if (!isRunning({ pid: Number(pid), started, boot })) unlinkQuietly(join(folder, name))
  }
}

/** For clean-up beside the real work: another process may have been quicker, a read-only store keeps its left-overs. */
export function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'EROFS' && code !== 'EACCES') throw error
  }
}
