import { spawnSync } from 'node:child_process'
import { mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Ran, TestMille } from './mille.ts'

const top = resolve(import.meta.dirname, '../..')

/** Shared libraries of a program, as the dynamic loader finds them. */
function librariesOf(program: string): string[] {
  const listed = spawnSync('ldd', [program]).stdout.toString()
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)
}

/**
 * Runs a shell script as root in a container with the usual capabilities and filter of system calls: nothing can be mounted
 * and no namespace made there. `mille` is on its PATH, with the image `busybox` in its store; `folder` of the host is `/t`.
 * `flags` are further ones of `mille run`.
 */
export function runUnprivileged(
  outer: TestMille,
  script: string,
  { folder, flags = [] }: { readonly folder: string; readonly flags?: readonly string[] },
): Ran {
  spawnSync(join(top, 'bin/mille'), ['version'])
  mkdirSync(folder, { recursive: true })
  const saved = join(folder, 'busybox.tar')
  outer.ok('save', '-o', saved, 'busybox')
  const packages = ['koffi', '@koromix'].map(
    (name) => [realpathSync(join(top, 'node_modules', name)), `/m/node_modules/${name}`] as const,
  )
  const shown = [
    [join(top, 'bin'), '/m/bin'],
    [join(top, 'dist'), '/m/dist'],
    ...packages,
    [process.execPath, '/usr/local/bin/node'],
    ...librariesOf(process.execPath).map((path) => [realpathSync(path), path] as const),
  ] as const
  const volumes = shown.flatMap(([source, target]) => ['-v', `${source}:${target}:ro`])
  const setUp = 'export PATH=/m/bin:$PATH; mille load -qi /t/busybox.tar >/dev/null || exit 99'
  const words = ['run', '--rm', '--network', 'none', ...flags, ...volumes, '-v', `${folder}:/t`, 'busybox']
  try {
    return outer.run([...words, 'sh', '-c', `${setUp}\n${script}`])
  } finally {
    rmSync(saved)
  }
}
