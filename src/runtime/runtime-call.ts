import { close, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { mount, mountFlags } from '../linux/mount.ts'
import { attachMount } from '../linux/mount-file-system.ts'
import { copyMount, createMountNamespace } from '../linux/mount-namespace.ts'
import { failure } from '../util/errors.ts'
import { findProgram, limitControllers } from './machine.ts'
import type { OciProgram } from './oci-program.ts'
import type { ProcessSpec, ResourceLimits } from './runtime.ts'

/** What to execute to have the runtime make a process; good until it is disposed of, which must be after that. */
export interface RuntimeCall extends Disposable {
  readonly command: string
  /** The words that come before the runtime's own. */
  readonly prefix: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Devices are forbidden by theirs, a container is frozen and counted by the others. */
const always = ['devices', 'freezer', 'memory', 'pids', 'cpuacct'] as const

/** The first-version controllers that a process of this kind is put under. */
export function wantedControllers(
  { cgroups }: OciProgram,
  { limits, deviceRates, privileged }: Pick<ProcessSpec, 'limits' | 'deviceRates' | 'privileged'>,
): ReadonlySet<string> {
  const limited = Object.entries(limits ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name]) => limitControllers[name as keyof ResourceLimits])
  if (deviceRates !== undefined) limited.push('blkio')
  // crun opens the group of the one for the other
  if (limited.includes('cpuset')) limited.push('cpu')
  return new Set([...always, ...limited, ...(privileged === true ? cgroups.controllers : [])])
}

/**
 * With both cgroup versions mounted ("hybrid"), or none, crun refuses to work. It gets a mount namespace of its own, in
 * which the second version is not there, and of the first only the controllers that are needed: entering one takes the
 * kernel 1 ms.
 * Everywhere else the runtime is called as it is.
 */
export function runtimeCall(program: OciProgram, controllers: ReadonlySet<string>): RuntimeCall {
  const { name, path, cgroups } = program
  if (name !== 'crun' || (cgroups.isMounted && !cgroups.isHybrid))
    return { command: path, prefix: program.plainPrefix, env: {}, [Symbol.dispose]: () => undefined }
  const command = findProgram('nsenter')
  if (command === undefined) throw failure('PROGRAM_MISSING', { program: 'nsenter', package: 'util-linux' })
  const usable = cgroups.mode === 'none' ? new Set<string>() : controllers
  const namespace = createMountNamespace(() => {
    narrowCgroups(usable)
    makeReadOnly(path)
  })
  return {
    command,
    // by the number of this process: the runtime is a grandchild of it, started by its monitor
    prefix: [`--mount=/proc/${process.pid}/fd/${namespace}`, path, ...program.plainPrefix],
    env: clonedAlready,
    // aside: the kernel waits for all its processors before such a namespace is gone
    [Symbol.dispose]: () => close(namespace),
  }
}

/** crun's word for: the program file that this process runs from cannot be written. It looks itself whether that is so. */
const clonedAlready = { _LIBCONTAINER_CLONED_BINARY: '1' } as const

/**
 * A container must not be able to write to the runtime's program file by way of its process (CVE-2019-5736). crun makes
 * itself a mount of it that cannot be written and starts again from there, 2 ms, unless it finds itself on one.
 */
function makeReadOnly(path: string): void {
  try {
    mount({ source: path, target: path, flags: mountFlags.bind })
    mount({ source: 'none', target: path, flags: mountFlags.bind | mountFlags.remount | mountFlags.readOnly })
  } catch {
    // in a user namespace, on a mount that is nosuid or nodev: crun sees that it can be written, and starts twice
  }
}

function narrowCgroups(controllers: ReadonlySet<string>): void {
  const top = '/sys/fs/cgroup'
  const kept = readdirSync(top)
    // controllers mounted together have one folder, `cpu,cpuacct`, and a link for each
    .filter((name) => name.split(',').some((controller) => controllers.has(controller)))
    .map((name) => {
      const path = join(top, name)
      const isLink = lstatSync(path).isSymbolicLink()
      return { path, place: isLink ? readlinkSync(path) : copyMount(path) }
    })
  mount({ source: 'none', target: top, type: 'tmpfs', data: 'mode=755' })
  for (const { path, place } of kept) {
    if (typeof place === 'string') symlinkSync(place, path)
    else {
      mkdirSync(path)
      attachMount(place, path)
    }
  }
}
