import { readdirSync } from 'node:fs'
import { readIfThere } from '../util/read-text.ts'
import { bindLibc } from './libc.ts'
import { check } from './system-failure.ts'

const prctlCall = bindLibc<[number, bigint, bigint, bigint, bigint]>('prctl', 'int', [
  'int',
  'uint64_t',
  'uint64_t',
  'uint64_t',
  'uint64_t',
])
const waitpidCall = bindLibc<[number, null, number]>('waitpid', 'int', ['int', 'void *', 'int'])
const setChildSubreaper = 36
const noHang = 1

/** From now on descendants of this process whose parent ends become its children: none gets lost. Source: prctl(2). */
export function becomeSubreaper(): void {
  check(prctlCall(setChildSubreaper, 1n, 0n, 0n, 0n), 'prctl', 'PR_SET_CHILD_SUBREAPER')
}

/**
 * Takes all ended children off the kernel's hands, also those that Node waits for: only when nobody does any more. True when
 * there are others; for a subreaper without any there are no descendants either.
 */
export function reapChildren(): boolean {
  for (;;) {
    const pid = waitpidCall(-1, null, noHang)
    if (pid <= 0) return pid === 0
  }
}

/**
 * Processes below `pid`, ended ones that nobody has waited for among them. One whose parent ends during the look may be
 * missing.
 */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readIfThere(`/proc/${name}/stat`)
    // the name in parentheses may itself hold spaces and parentheses
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (stat !== '') parents.set(Number(name), parent)
  }
  const below = new Set([pid])
  for (let before = 0; before < below.size;) {
    before = below.size
    for (const [one, parent] of parents) if (below.has(parent)) below.add(one)
  }
  below.delete(pid)
  return [...below]
}
