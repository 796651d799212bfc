import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { unmount, unmountFlags } from './mount.ts'
import { readText } from '../util/read-text.ts'

/** Is something mounted at `path`? */
export function isMounted(path: string): boolean {
  return mountTargets().includes(realPlace(path))
}

/** The mount that a file or folder lies on: where, and with what as `shared` and `master` it is tied to others. */
export function findMount(path: string): { readonly target: string; readonly tags: readonly string[] } {
  const real = realpathSync(path)
  let found = { target: '/', tags: [] as string[] }
  for (const line of readText('/proc/self/mountinfo').split('\n')) {
    const [fields = '', rest] = line.split(' - ')
    const [, , , , target = '', , ...tags] = fields.split(' ')
    const place = decode(target)
    const holds = place === '/' || real === place || real.startsWith(`${place}/`)
    // a later one covers an earlier one at the same place
    if (rest !== undefined && holds && place.length >= found.target.length)
      found = { target: place, tags: tags.map((tag) => tag.replace(/:.*/, '')) }
  }
  return found
}

/** Detaches every mount at or below `folder`, the last one first. Source: proc_pid_mountinfo(5). */
export function unmountBelow(folder: string): void {
  const place = realPlace(folder)
  const targets = mountTargets().filter((target) => target === place || target.startsWith(`${place}/`))
  for (const target of targets.toReversed()) unmount(target, unmountFlags.detach | unmountFlags.noFollow)
}

function mountTargets(): string[] {
  return readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) => decode(line.split(' ')[4] ?? ''))
}

/** The kernel names places without the links that may lead to them. */
function realPlace(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    // nothing can be mounted where nothing is
    return path
  }
}

/** Spaces, tabs, newlines and backslashes stand there as octal numbers. */
function decode(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
