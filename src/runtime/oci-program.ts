import { failure } from '../util/errors.ts'
import { findCgroups, findProgram } from './machine.ts'
import type { CgroupSupport } from './machine.ts'

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

/** crun before runc: it starts a container in half the time. How to call it: `runtimeCall`. Errors: RUNTIME_MISSING. */
export function findOciProgram(preferred?: 'crun' | 'runc'): OciProgram {
  const cgroups = findCgroups()
  const candidates = preferred === undefined ? (['crun', 'runc'] as const) : [preferred]
  for (const name of candidates) {
    const path = findProgram(name)
    if (path === undefined) continue
    const withoutGroups = name === 'crun' && cgroups.mode === 'none'
    return { name, path, plainPrefix: withoutGroups ? ['--cgroup-manager=disabled'] : [], cgroups }
  }
  throw failure('RUNTIME_MISSING', {})
}

/**
 * Runtimes act on variables of their caller (LISTEN_FDS hands descriptors on, NOTIFY_SOCKET mounts a socket), and
 * mille's own may hold secrets: they get what is needed to find programs.
 */
export function runtimeEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] }
}
