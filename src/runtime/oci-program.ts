import { failure } from '../util/errors.ts'
import { findCgroups, findProgram } from './machine.ts'
import type { CgroupSupport } from './machine.ts'

/** The OCI runtime of this machine and how to call it. */
export interface OciProgram {
  readonly name: 'crun' | 'runc'
  /** The runtime's binary. */
  readonly path: string
  /** What to execute, with the words that come before the runtime's own. */
  readonly command: string
  readonly prefix: readonly string[]
  /** The same for calls on a container that exists already, to the binary itself. */
  readonly plainPrefix: readonly string[]
  readonly cgroups: CgroupSupport
}

/**
 * crun before runc: it starts a container in half the time. With both cgroup versions mounted ("hybrid") crun
 * refuses to work, so it gets a mount namespace of its own with the second version's mount covered; that costs 1.5 ms
 * and still is faster than runc. Errors: RUNTIME_MISSING.
 */
export function findOciProgram(preferred?: 'crun' | 'runc'): OciProgram {
  const cgroups = findCgroups()
  const candidates = preferred === undefined ? (['crun', 'runc'] as const) : [preferred]
  for (const name of candidates) {
    const path = findProgram(name)
    if (path === undefined) continue
    if (name === 'runc' || cgroups.mode === 'v1' || cgroups.mode === 'v2')
      return { name, path, command: path, prefix: [], plainPrefix: [], cgroups }
    if (cgroups.unified === undefined)
      return {
        name,
        path,
        command: path,
        prefix: ['--cgroup-manager=disabled'],
        plainPrefix: ['--cgroup-manager=disabled'],
        cgroups,
      }
    const unshare = findProgram('unshare')
    if (unshare === undefined) continue
    // covered, not taken away: the kernel waits for all processors before an unmount is done
    const script = 'mount -t tmpfs none "$0" && exec "$@"'
    // propagation "slave": mounts of the host still reach bind mounts that ask for them
    return {
      name,
      path,
      command: unshare,
      prefix: ['-m', '--propagation', 'slave', '/bin/sh', '-c', script, cgroups.unified, path],
      plainPrefix: [],
      cgroups,
    }
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
