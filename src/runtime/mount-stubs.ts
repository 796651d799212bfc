import { lstatSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { utimensat } from '../linux/at.ts'
import { currentFolder } from '../linux/openat2.ts'
import { resolveInRoot } from './working-folder.ts'

interface Stub {
  readonly path: string
  readonly parent: { readonly path: string; readonly atime: bigint; readonly mtime: bigint } | undefined
}

/**
 * Remembers which mount points are missing in `rootfs`; the runtime makes them. `remove` takes away those that are
 * still empty and gives their folders' times back, so that a step's layer does not depend on how it was run.
 */
export function watchMountStubs(rootfs: string, targets: readonly string[]): { remove(): void } {
  const stubs: Stub[] = []
  for (const target of targets) {
    // shallow to deep: `/a/b/c` may need three of them
    const parts = resolveInRoot(rootfs, target).split('/').filter(Boolean)
    parts.forEach((_, index) => {
      const path = posix.join(rootfs, ...parts.slice(0, index + 1))
      if (
        stubs.some((stub) => stub.path === path) ||
        lstatSync(path, { throwIfNoEntry: false }) !== undefined
      )
        return
      const folder = statSync(posix.dirname(path), { throwIfNoEntry: false, bigint: true })
      stubs.push({
        path,
        parent: folder && { path: posix.dirname(path), atime: folder.atimeNs, mtime: folder.mtimeNs },
      })
    })
  }
  return {
    remove() {
      for (const stub of stubs.toReversed()) removeStub(stub)
    },
  }
}

function removeStub(stub: Stub): void {
  const stat = lstatSync(stub.path, { throwIfNoEntry: false })
  try {
    if (stat?.isDirectory() === true) rmdirSync(stub.path)
    else if (stat?.isFile() === true && stat.size === 0) unlinkSync(stub.path)
    else return
    if (stub.parent) utimensat(currentFolder, stub.parent.path, stub.parent.atime, stub.parent.mtime)
  } catch {
    // not empty: the step put something there, which is a result
  }
}
