import { failure } from '../util/errors.ts'
import { findCgroups, findProgram } from './machine.ts'
import type { CgroupSupport } from './machine.ts'
import { readIfThere } from '../util/read-text.ts'

/** The OCI runtime of this machine. */
export interface OciProgram {
  readonly name: 'crun' | 'runc'
  /** The runtime's binary. */
  readonly path: string
  /** Words that come before the runtime's own, whatever it is called for. */
  readonly plainPrefix: readonly string[]
  readonly cgroups: CgroupSupport
}

/** What a bundle takes from this machine. */
export interface BundleSeat {
  readonly program: OciProgram
  /** Folder of compiled seccomp filters. */
  readonly filters: string
}

/**
 * crun before runc, where it works: it starts a container in half the time. How to call it: `runtimeCall`. Errors:
 * RUNTIME_MISSING.
 */
export function findOciProgram(preferred?: 'crun' | 'runc'): OciProgram {
  const cgroups = findCgroups()
  const usual =
    cgroups.mode === 'v2' && !mayLockMemory() ? (['runc', 'crun'] as const) : (['crun', 'runc'] as const)
  const candidates = preferred === undefined ? usual : [preferred]
  for (const name of candidates) {
    const path = findProgram(name)
    if (path === undefined) continue
    const withoutGroups = name === 'crun' && cgroups.mode === 'none'
    return { name, path, plainPrefix: withoutGroups ? ['--cgroup-manager=disabled'] : [], cgroups }
  }
  throw failure('RUNTIME_MISSING', {})
}

const CAP_SYS_RESOURCE = 24n

/**
 * With the second version of control groups crun wants unlimited locked memory for the program that guards devices, also
 * from kernels that count it elsewhere by now, and ends where it may not have it.
 */
function mayLockMemory(): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readIfThere('/proc/self/status'))?.[1] ?? '0'
  const isPrivileged = ((BigInt(`0x${capabilities}`) >> CAP_SYS_RESOURCE) & 1n) === 1n
  return isPrivileged || /^Max locked memory\s+\S+\s+unlimited/m.test(readIfThere('/proc/self/limits'))
}

/**
 * Runtimes act on variables of their caller (LISTEN_FDS hands descriptors on, NOTIFY_SOCKET mounts a socket), and
 * mille's own may hold secrets: they get what is needed to find programs.
 */
export function runtimeEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] }
}
