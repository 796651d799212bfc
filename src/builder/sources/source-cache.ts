import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderBytes } from '../../linux/folder-size.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Store } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import { readText } from '../../util/read-text.ts'

/** What is kept of remote sources between builds: downloads and git repositories, one folder each. */
export type SourceKind = 'http' | 'git'

/** The folder of one source, held by this build alone until disposed. */
export interface SourceFolder extends AsyncDisposable {
  readonly path: string
}

export interface SourceUsage {
  readonly id: string
  readonly kind: SourceKind
  readonly description: string
  readonly size: number
  readonly createdAt: number
  readonly lastUsedAt: number
}

/** A fetch of a large repository may take long; the others wait for it. */
const lockTimeout = 24 * 3600 * 1000
/** All sources together; the ones not used for longest go first. */
const budget = 8 * 1024 ** 3
const aboutFile = 'about'

/** `identity` tells sources apart, `description` is shown; the folder is made when it is new. */
export async function openSource(
  store: Store,
  kind: SourceKind,
  identity: string,
  options: { readonly description: string; readonly signal: AbortSignal | undefined },
): Promise<SourceFolder> {
  const name = `${kind}-${digestHex(sha256(identity)).slice(0, 32)}`
  const lock = await store.lock(`source-${name}`, { timeout: lockTimeout, signal: options.signal })
  try {
    const path = await store.folder('sources', name)
    const about = join(path, aboutFile)
    const now = new Date()
    if (statSync(about, { throwIfNoEntry: false }) === undefined) writeFileSync(about, options.description)
    else utimesSync(about, now, now)
    return { path, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}

/** Newest use first. */
export async function listSources(store: Store): Promise<SourceUsage[]> {
  const folder = await store.folder('sources')
  return readdirSync(folder)
    .flatMap((id) => usageOf(folder, id) ?? [])
    .toSorted((a, b) => b.lastUsedAt - a.lastUsedAt)
}

/** Removes sources, those in use excepted: all, or what is beyond the budget. Resolves with what went. */
export async function pruneSources(store: Store, { all }: { readonly all: boolean }): Promise<SourceUsage[]> {
  const removed: SourceUsage[] = []
  let total = 0
  for (const source of await listSources(store)) {
    total += source.size
    if (!all && total <= budget) continue
    if (await removeSource(store, source.id)) removed.push(source)
  }
  return removed
}

/** False when a build has it at this moment. */
export async function removeSource(store: Store, id: string): Promise<boolean> {
  try {
    await using _lock = await store.lock(`source-${id}`, { timeout: 0 })
    rmSync(join(await store.folder('sources'), id), { recursive: true, force: true })
    return true
  } catch (error) {
    if (isMilleError(error, 'STORE_LOCK_TIMEOUT')) return false
    throw error
  }
}

function usageOf(folder: string, id: string): SourceUsage | undefined {
  const path = join(folder, id)
  try {
    const about = statSync(join(path, aboutFile))
    const kind = id.startsWith('git-') ? 'git' : 'http'
    const description = readText(join(path, aboutFile))
    const size = folderBytes(path)
    return { id, kind, description, size, createdAt: statSync(path).birthtimeMs, lastUsedAt: about.mtimeMs }
  } catch {
    // another process removes it
    return undefined
  }
}
