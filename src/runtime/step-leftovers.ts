import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { currentProcess, isRunning } from '../linux/process-identity.ts'
import { removeCgroups } from './cgroups.ts'
import type { OciProgram } from './oci-program.ts'
import { readText } from '../util/read-text.ts'

/** Folder name of a step: id and the process that runs it, so that a later one can tell whether that process died. */
export function stepFolderName(id: string): string {
  return `${id}@${process.pid}-${currentProcess().started}`
}

/** Kills and removes steps whose mille process died (kill -9 in the middle of a build). */
export async function removeStepLeftovers(
  program: OciProgram,
  root: string,
  stepsFolder: string,
): Promise<void> {
  for (const name of readdirSync(stepsFolder)) {
    const [, id, pid, started] = /^(.+)@(\d+)-(\d+)$/.exec(name) ?? []
    const owner = { pid: Number(pid), started: started ?? '', boot: currentProcess().boot }
    if (id === undefined || isRunning(owner)) continue
    killRecorded(join(stepsFolder, name, 'pid'), id)
    await rm(join(root, id), { recursive: true, force: true })
    await rm(join(stepsFolder, name), { recursive: true, force: true })
    removeCgroups(program.cgroups, id)
  }
}

/** Only a process that still is in this step's control group: its number may belong to another one by now. */
function killRecorded(pidFile: string, id: string): void {
  try {
    const pid = Number(readText(pidFile))
    if (pid > 1 && readText(`/proc/${pid}/cgroup`).includes(`/mille/${id}\n`)) process.kill(pid, 'SIGKILL')
  } catch {
    // it is dead already
  }
}
