import { chmod, link as hardLink, lutimes, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** One Dockerfile with its context, built by both. */
export interface CompareCase {
  readonly name: string
  /** `BASE` in it is the image that both have: BusyBox. */
  readonly dockerfile: string
  readonly context?: readonly ContextEntry[]
  /** Options of `build`; `CONTEXT` in them is the folder. */
  readonly options?: readonly string[]
  /** Built before, as the image `FIRST`. */
  readonly first?: string
}

export interface ContextEntry {
  readonly path: string
  readonly type: 'file' | 'folder' | 'link' | 'hard-link'
  readonly mode: number
  /** Content, or target of a link; of a hard link, the path of an entry before. */
  readonly text: string | Buffer
}

export function file(path: string, text: string | Buffer = path, mode: number = 0o644): ContextEntry {
  return { path, type: 'file', mode, text }
}

export function folder(path: string, mode: number = 0o755): ContextEntry {
  return { path, type: 'folder', mode, text: '' }
}

export function link(path: string, text: string): ContextEntry {
  return { path, type: 'link', mode: 0o777, text }
}

/** 2020-01-01, each entry a second after the one before: times that can only come from here. */
const firstTime = 1_577_836_800

/** Makes the context at `path`; folders that are not named get mode 0755. */
export async function writeContext(path: string, entries: readonly ContextEntry[]): Promise<void> {
  await mkdir(path, { recursive: true })
  for (const entry of entries) {
    const target = join(path, entry.path)
    await mkdir(dirname(target), { recursive: true })
    if (entry.type === 'link') await symlink(String(entry.text), target)
    else if (entry.type === 'hard-link') await hardLink(join(path, String(entry.text)), target)
    else if (entry.type === 'folder') await mkdir(target, { recursive: true })
    else await writeFile(target, entry.text)
    if (entry.type === 'file' || entry.type === 'folder') await chmod(target, entry.mode)
  }
  // from the deepest up: making a file changes the time of its folder
  const all = new Set(entries.flatMap((entry) => [entry.path, ...parentsOf(entry.path)]))
  for (const [index, name] of [...all].sort().toReversed().entries())
    await lutimes(join(path, name), firstTime + index, firstTime + index)
}

function parentsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}
