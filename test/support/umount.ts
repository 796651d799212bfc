import { spawnSync } from 'node:child_process'
import { readText } from '../../src/util/read-text.ts'

/** Unmounts everything at or below a folder, deepest first: a store that is deleted must leave no mounts behind. */
export function umount(folder: string): void {
  const targets = readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((target) => target === folder || target.startsWith(`${folder}/`))
  for (const target of targets.toReversed()) spawnSync('umount', ['-l', target])
}
