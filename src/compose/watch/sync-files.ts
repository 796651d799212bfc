import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join, posix, relative } from 'node:path'
import { type TarSource, writeTar } from '../../tar/writer.ts'
import type { WatchRule } from '../model/develop-shape.ts'
import type { Observed } from '../run/observed.ts'
import type { ComposeParts } from '../run/parts.ts'
import { runHooks } from '../run/hooks.ts'
import type { RuleFilter } from './rule-filter.ts'

/** Files as they are now go into the containers; those that are gone are removed there. */
export async function syncFiles(
  parts: ComposeParts,
  containers: readonly Observed[],
  rule: WatchRule,
  paths: readonly string[],
  filter: RuleFilter,
): Promise<void> {
  const sources: TarSource[] = []
  const gone: string[] = []
  for (const path of paths) {
    const target = posix.join(rule.target ?? '/', relative(rule.path, path))
    if (!(await addFile(sources, path, target, filter))) gone.push(target)
  }
  for (const { id } of containers) {
    if (gone.length > 0) await runHooks(parts, id, [{ command: ['rm', '-rf', ...gone] }])
    if (sources.length > 0) await parts.engine.containers.writeArchive(id, '/', writeTar(sources))
  }
}

/** false: it is not there. Of a folder everything in it. */
async function addFile(
  sources: TarSource[],
  path: string,
  target: string,
  filter: RuleFilter,
): Promise<boolean> {
  try {
    const status = await lstat(path)
    const common = {
      path: target.slice(1),
      mode: status.mode & 0o777,
      uid: 0,
      gid: 0,
      mtime: BigInt(Math.trunc(status.mtimeMs)) * 1_000_000n,
    }
    if (status.isDirectory()) {
      for (const name of (await readdir(path)).sort()) {
        const inner = join(path, name)
        if (filter(inner)) await addFile(sources, inner, posix.join(target, name), filter)
      }
    } else if (status.isSymbolicLink()) {
      sources.push({ header: { ...common, type: 'symlink', linkTarget: await readlink(path) } })
    } else if (status.isFile()) {
      const body = await readFile(path)
      sources.push({ header: { ...common, type: 'file', size: body.length }, body })
    }
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
