import { unmount, unmountFlags } from './mount.ts'
import { readText } from '../util/read-text.ts'

/** Detaches every mount at or below `folder`, the last one first. Source: proc_pid_mountinfo(5). */
export function unmountBelow(folder: string): void {
  const targets = readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) => decode(line.split(' ')[4] ?? ''))
    .filter((target) => target === folder || target.startsWith(`${folder}/`))
  for (const target of targets.toReversed()) unmount(target, unmountFlags.detach | unmountFlags.noFollow)
}

/** Spaces, tabs, newlines and backslashes stand there as octal numbers. */
function decode(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
