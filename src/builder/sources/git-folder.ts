import { createReadStream, openSync, closeSync, readSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Store } from '../../store/store.ts'
import type { LayerTarEntry } from '../../tar/check-entry.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import type { GitRepository, ResolvedCommit } from './git-repository.ts'
import { runGit } from './run-git.ts'

/**
 * A `.git` folder as a shallow clone of the commit has it (B47): detached at it, the branch or tag known, no user's
 * name, no time and no credentials in it.
 */
export async function keptGitFolder(
  repository: GitRepository,
  { commit, ref }: ResolvedCommit,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<SpooledTar> {
  const path = store.content.temporaryPath()
  const run = (...args: readonly string[]): Promise<string> =>
    runGit([`--git-dir=${path}`, ...args], { signal, fromOwnCopy: true })
  try {
    const format = commit.length === 64 ? 'sha256' : 'sha1'
    await run('init', '--quiet', '--bare', '--template=', `--object-format=${format}`)
    const target = ref ?? 'refs/mille/commit'
    const fixed = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--depth=1']
    await run('fetch', ...fixed, '--', `file://${repository.path}`, `${commit}:${target}`)
    await run('update-ref', '--no-deref', 'HEAD', commit)
    await run('read-tree', commit)
    await run('config', 'core.bare', 'false')
    await run('config', 'remote.origin.url', hidePasswords(repository.remote.url))
    await run('config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*')
    return new FolderTar(path, await commitTime(repository, commit))
  } catch (error) {
    rmSync(path, { recursive: true, force: true })
    throw error
  }
}

async function commitTime(repository: GitRepository, commit: string): Promise<bigint> {
  const seconds = await repository.run(['log', '-1', '--format=%ct', commit])
  return BigInt(seconds.trim() || '0') * 1_000_000_000n
}

/** Plain files and folders, which go when it is closed. */
class FolderTar implements SpooledTar {
  readonly entries: readonly LayerTarEntry[]
  readonly #path: string

  constructor(path: string, mtime: bigint) {
    this.#path = path
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).toSorted()
    this.entries = names.map((name): LayerTarEntry => {
      const status = statSync(join(path, name))
      const isFolder = status.isDirectory()
      const size = isFolder ? 0 : status.size
      const common = { path: name, uid: 0, gid: 0, mtime, size, offset: 0, storedSize: size }
      const entry = isFolder
        ? ({ ...common, type: 'directory', mode: 0o755 } as const)
        : ({ ...common, type: 'file', mode: 0o644 } as const)
      return { kind: 'node', path: name, entry }
    })
  }

  read({ path, entry }: LayerTarEntry, target: Buffer, offset: number): number {
    const file = openSync(join(this.#path, path), 'r')
    try {
      return readSync(file, target, 0, Math.min(target.length, entry.size - offset), offset)
    } finally {
      closeSync(file)
    }
  }

  open({ path }: LayerTarEntry): Readable {
    return createReadStream(join(this.#path, path))
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true })
  }
}
