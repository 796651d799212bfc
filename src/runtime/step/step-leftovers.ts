import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { currentProcess, identifyProcess, isRunning } from '../../linux/process-identity.ts'
import type { ProcessIdentity } from '../../linux/process-identity.ts'
import { cgroupsPathOf, measuredGroup } from '../bundle.ts'
import { removeCgroups } from '../limits/cgroups.ts'
import { endKeeper } from '../chroot/end-keeper.ts'
import type { CgroupSupport } from '../machine.ts'
import type { RuntimeSpec } from '../spec.ts'
import { removeFolder } from './step-secrets.ts'
import { readText } from '../../util/read-text.ts'

/** Milliseconds that a killed step may take to be gone. */
const grace = 10_000

/** Folder name of a step: id and the process that runs it, so that a later one can tell whether that process died. */
export function stepFolderName(id: string): string {
  return `${id}@${process.pid}-${currentProcess().started}`
}

/** Kills and removes steps whose mille process died (kill -9 in the middle of a build). */
export async function removeStepLeftovers(
  cgroups: CgroupSupport,
  root: string,
  stepsFolder: string,
): Promise<void> {
  for (const name of readdirSync(stepsFolder)) {
    const [, id, pid, started] = /^(.+)@(\d+)-(\d+)$/.exec(name) ?? []
    const owner = { pid: Number(pid), started: started ?? '', boot: currentProcess().boot }
    if (id === undefined || isRunning(owner)) continue
    await endKeeper(join(stepsFolder, name))
    const path = readCgroupsPath(join(stepsFolder, name)) ?? cgroupsPathOf(id)
    await killRecorded(join(stepsFolder, name, 'pid'), id)
    rmSync(join(root, id), { recursive: true, force: true })
    removeFolder(join(stepsFolder, name))
    const above = dirname(dirname(path))
    removeCgroups(cgroups, above === measuredGroup(id, dirname(above)) ? above : path)
  }
}

/**
 * Only a process that still is in this step's control group: its number may belong to another one by now. Resolves when
 * it is gone, and with it, as the first of its process namespace, all others: nothing writes to a cache mount any more.
 */
async function killRecorded(pidFile: string, id: string): Promise<void> {
  try {
    const pid = Number(readText(pidFile))
    if (!(pid > 1) || !readText(`/proc/${pid}/cgroup`).includes(`/mille/${id}\n`)) return
    const identity = identifyProcess(pid)
    process.kill(pid, 'SIGKILL')
    if (identity !== undefined) await waitForEnd(identity)
  } catch {
    // it is dead already
  }
}

async function waitForEnd(identity: ProcessIdentity): Promise<void> {
  for (let waited = 0; waited < grace && isRunning(identity); waited += 2) await sleep(2)
}

function readCgroupsPath(folder: string): string | undefined {
  try {
    const { linux } = JSON.parse(readText(join(folder, 'config.json'))) as Pick<RuntimeSpec, 'linux'>
    return String(linux['cgroupsPath'])
  } catch {
    return undefined
  }
}
