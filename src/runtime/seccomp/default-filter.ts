import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compileFilter } from '../../linux/seccomp.ts'
import { randomHex } from '../../util/random.ts'
import { defaultProfile, revision } from './default-profile.ts'
import { resolveProfile, type SeccompFilter } from './profile.ts'

const filters = new Map<string, SeccompFilter>()

/** The default profile for a process with these capabilities. */
export function defaultFilter(caps: readonly string[]): SeccompFilter {
  const key = caps.join(' ')
  const filter = filters.get(key) ?? resolveProfile(defaultProfile, caps)
  filters.set(key, filter)
  return filter
}

/**
 * The same as a program for the kernel; undefined where it cannot be compiled. The runtime would compile the 400 rules anew
 * for each container, 10 ms and more: here it is done once, and kept in `folder` until the next reboot.
 */
export function compiledDefault(folder: string, caps: readonly string[]): Buffer | undefined {
  const path = join(folder, `${revision}-${process.arch}-${capabilityKey(caps)}.bpf`)
  return readProgram(path) ?? (compile(folder, path, defaultFilter(caps)) ? readProgram(path) : undefined)
}

/** Of those that the profile asks for. */
function capabilityKey(caps: readonly string[]): string {
  const asked = (defaultProfile.syscalls ?? []).flatMap((rule) => [
    ...(rule.includes?.caps ?? []),
    ...(rule.excludes?.caps ?? []),
  ])
  const held = [...new Set(asked)].sort().map((cap) => (caps.includes(cap) ? '1' : '0'))
  return Number.parseInt(held.join(''), 2).toString(16)
}

function readProgram(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function compile(folder: string, path: string, filter: SeccompFilter): boolean {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const made = join(folder, `new-${randomHex(8)}`)
  const descriptor = openSync(made, 'wx', 0o600)
  try {
    if (!compileFilter(filter, descriptor)) return false
    renameSync(made, path)
    return true
  } finally {
    closeSync(descriptor)
    rmSync(made, { force: true })
  }
}
