import { lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { failure } from '../util/errors.ts'
import { confine } from './seccomp/confine.ts'
import { checkCommand } from './command-check.ts'
import type { BundleSeat } from './oci-program.ts'
import type { ProcessSpec } from './runtime.ts'
import { runtimeSpec, specText } from './spec.ts'
import { resolveUser } from './user.ts'
import { prepareWorkingFolder } from './working-folder.ts'
import { randomHex } from '../util/random.ts'

/** Names become folder names and control group names. */
export function checkId(id: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(id)) {
    throw failure('INVALID_ARGUMENT', { reason: `invalid container id "${id}"` })
  }
}

/** Below each controller; one folder for all of mille, so that leftovers are found. */
export function cgroupsPathOf(id: string, parent: string = '/'): string {
  return posix.join('/', parent, 'mille', id)
}

/** A group above that of a step whose CPU time is wanted: the runtime removes the step's own with its counters. */
export function measuredGroup(id: string, parent: string = '/'): string {
  return posix.join('/', parent, `mille-cpu-${id}`)
}

export function newId(prefix: string): string {
  return `${prefix}-${randomHex(8)}`
}

/** Where every process has a new file system of its own. */
const systemFolders = ['dev', 'proc', 'sys']

/**
 * What the runtime mounts and makes there must not land anywhere else: an old crun follows a link, and makes device nodes
 * in a folder of the host (C-R3, CVE-2025-31133 and its like). Looked at before each start, as a container may leave one.
 */
function refuseLinkedSystem(rootfs: string): void {
  for (const name of systemFolders) {
    const status = lstatSync(join(rootfs, name), { throwIfNoEntry: false })
    if (status === undefined || status.isDirectory()) continue
    const reason = `it is ${status.isSymbolicLink() ? 'a symbolic link' : 'no folder'} there`
    throw failure('MOUNT_TARGET_BLOCKED', { target: `/${name}`, reason })
  }
}

/** Checks the request against the root folder and writes `config.json` into `folder`. */
export function writeBundle(
  folder: string,
  id: string,
  spec: ProcessSpec,
  { program, filters }: BundleSeat,
): void {
  checkId(id)
  refuseLinkedSystem(spec.rootfs)
  const mountTargets = spec.mounts.map((mount) => mount.target)
  const user = resolveUser(spec.rootfs, spec.user, spec.groupAdd)
  const cwd = prepareWorkingFolder(spec.rootfs, spec.cwd, mountTargets)
  const context = { user, cwd, cgroups: program.cgroups, cgroupsPath: cgroupsPathOf(id, spec.cgroupParent) }
  const document = confine(runtimeSpec(spec, context), spec, { program, filters })
  if (spec.init !== true)
    checkCommand({ rootfs: spec.rootfs, args: spec.args, env: document.process.env, cwd, user, mountTargets })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'config.json'), specText(document), { mode: 0o600 })
}
