import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Floor } from './case.ts'
import { run, statistics, succeeds } from './measure.ts'

/** Median of three runs of shell commands; `before` is not timed. */
export async function shellFloor(what: string, command: string, before?: string): Promise<Floor> {
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    if (before !== undefined) await run({ argv: ['sh', '-c', before] })
    times.push((await run({ argv: ['sh', '-c', command] })).seconds)
  }
  return { what, seconds: statistics(times).median }
}

/** The start of a program made of nothing, in the language that mille is written in. */
export function emptyNode(): Promise<Floor> {
  return shellFloor('empty node', `'${process.execPath}' -e 0`)
}

/** One run of a prepared bundle by the fastest OCI runtime that works here, times `count`. */
export async function emptyRuntime(folder: string, count = 1): Promise<Floor> {
  const bundle = join(folder, 'bundle')
  await rm(bundle, { recursive: true, force: true })
  await mkdir(join(bundle, 'rootfs/bin'), { recursive: true })
  await run({ argv: ['sh', '-c', `cp "$(command -v busybox)" '${bundle}/rootfs/bin/true'`] })
  for (const program of ['crun', 'runc']) {
    if (!(await succeeds({ argv: ['sh', '-c', `command -v ${program}`] }))) continue
    await run({ argv: ['sh', '-c', `cd '${bundle}' && rm -f config.json && ${program} spec`] })
    const { stdout } = await run({ argv: ['cat', join(bundle, 'config.json')] })
    await writeFile(join(bundle, 'config.json'), emptySpec(stdout))
    const start = `${program} run --bundle '${bundle}' mille-bench-floor`
    // crun does not start on a hybrid cgroup tree
    if (!(await succeeds({ argv: ['sh', '-c', start] }))) continue
    const one = await shellFloor(program, start)
    return {
      what: count === 1 ? `${program} run` : `${count} x ${program} run`,
      seconds: one.seconds * count,
    }
  }
  return { what: 'no OCI runtime works here', seconds: Number.NaN }
}

/** The runtime's own default configuration, running /bin/true without a terminal. */
function emptySpec(text: string): string {
  const spec = JSON.parse(text) as { process: { terminal: boolean; args: string[] } }
  spec.process.terminal = false
  spec.process.args = ['/bin/true']
  return JSON.stringify(spec)
}

/** Copies `files` to a new folder and brings them to the disk, then hashes them: the least that keeping bytes can mean. */
export function copyAndHash(files: readonly string[], scratch: string): Promise<Floor> {
  const list = files.map((file) => `'${file}'`).join(' ')
  const copy = `cp --backup=numbered ${list} '${scratch}/' && sync -f '${scratch}'`
  return shellFloor(
    'copy, sync, hash at the same time',
    `${copy} & openssl dgst -sha256 ${list} >/dev/null && wait $!`,
    `rm -rf '${scratch}' && mkdir -p '${scratch}' && sync`,
  )
}
