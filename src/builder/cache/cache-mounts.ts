import { closeSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { folderBytes } from '../../linux/folder-size.ts'
import { openFolder } from '../../linux/openat2.ts'
import { identifyProcess } from '../../linux/process-identity.ts'
import { removeTree } from '../../linux/remove-tree.ts'
import { digestHex, sha256, type ChainId } from '../../oci/digest.ts'
import type { RecordRow, RecordStore } from '../../store/record-store.ts'
import type { Store } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import type { PlannedMount } from '../plan/step.ts'

/** What is kept about a cache mount: its files lie in the store's `cache-mounts/<id>`. */
export interface CacheMountData {
  /** As the Dockerfile names it, behind its namespace. */
  readonly name: string
  readonly description: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly uses: number
  /** Bytes of its files when they were last counted, and when that was. */
  readonly measured?: { readonly size: number; readonly at: number }
}

export interface CacheMountIdentity {
  readonly name: string
  /** What a new one begins as; one that begins otherwise is another one, whatever its name. */
  readonly seed: string
}

export interface WantedCacheMount extends CacheMountIdentity {
  readonly sharing: 'shared' | 'private' | 'locked'
  readonly description: string
  /** Fills a new folder, and gives it its owner and mode. */
  readonly fill: (folder: string) => void
}

export interface TakenCacheMount {
  /** Absolute path of its files. */
  readonly path: string
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Called once when the mount is in use by somebody and has to be waited for. */
  readonly onWait?: (name: string, holder: string) => void
}

export interface TakeOptions extends WaitOptions {
  /** Fills the folder of a mount that is not here with what another machine had in it; false when it could not. */
  readonly bring?: (name: string, key: string, folder: string) => Promise<boolean>
}

/** Of a mount whose files come from `chain`, where they come from anywhere. */
export function cacheMountIdentity(
  { id, origin, source, mode, uid, gid }: Extract<PlannedMount, { type: 'cache' }>,
  chain: ChainId | undefined,
): CacheMountIdentity {
  const from = origin.kind === 'empty' ? [] : [chain ?? 'empty', source]
  return { name: id, seed: JSON.stringify([from, mode, uid, gid]) }
}

/** The same on all machines: what a mount is called that came from another one. */
export function cacheMountKey({ name, seed }: CacheMountIdentity): string {
  return digestHex(sha256(JSON.stringify([name, seed])))
}

/** A step that has a mount locked may run as long as it likes. */
const longestWait = 24 * 3600 * 1000

/**
 * Folders that RUN steps keep over builds (B30). Each is held by a lock between processes while a step has it:
 * `shared` with others, `locked` alone, `private` alone in the first folder of that name that is free.
 */
export class CacheMounts {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Takes all the mounts of one step, always in the order of their keys: of two steps that want the same two, neither
   * waits for the other while that one waits for it (B-BD-7). A mount named twice is taken once. Given back by `stack`.
   */
  async take<Wanted extends WantedCacheMount>(
    wanted: readonly Wanted[],
    stack: AsyncDisposableStack,
    options: TakeOptions = {},
  ): Promise<ReadonlyMap<Wanted, TakenCacheMount>> {
    const byKey = Map.groupBy(wanted, cacheMountKey)
    const taken = new Map<Wanted, TakenCacheMount>()
    for (const key of [...byKey.keys()].sort()) {
      const group = byKey.get(key) ?? []
      const strictest = group.toSorted((a, b) => rank(b) - rank(a))[0]
      if (strictest === undefined) continue
      const id = await this.#lock(key, strictest, stack, options)
      const bring = id === key ? options.bring : undefined
      await this.#make(id, strictest, {
        bring: bring && ((folder) => bring(strictest.name, key, folder)),
        signal: options.signal,
      })
      const path = this.#use(await this.#store.folder('cache-mounts'), id, strictest)
      for (const one of group) taken.set(one, { path })
    }
    return taken
  }

  /** Gives `use` the files of a mount that no step has meanwhile; undefined when it is not here. */
  async withFiles<Result>(
    identity: CacheMountIdentity,
    use: (folder: string) => Promise<Result>,
    options: WaitOptions = {},
  ): Promise<Result | undefined> {
    const id = cacheMountKey(identity)
    const path = join(await this.#store.folder('cache-mounts'), id, 'files')
    // without one that is here nobody's lock is waited for
    if (!existsSync(path)) return undefined
    await using stack = new AsyncDisposableStack()
    await this.#lock(id, { name: identity.name, sharing: 'locked' }, stack, options)
    return existsSync(path) ? await use(path) : undefined
  }

  list(): RecordRow<CacheMountData>[] {
    return this.#records().list()
  }

  /** Bytes of its files; counted only when a step had it since the last time. */
  async size({ id, data }: RecordRow<CacheMountData>): Promise<number> {
    const { measured, lastUsedAt } = data
    if (measured !== undefined && measured.at > lastUsedAt) return measured.size
    const at = Date.now()
    const size = folderBytes(join(await this.#store.folder('cache-mounts'), id, 'files'))
    // a step that has it now may go on writing
    if (!(await this.isInUse(id))) this.#records().update(id, (data) => ({ ...data, measured: { size, at } }))
    return size
  }

  async isInUse(id: string): Promise<boolean> {
    try {
      await using _lock = await this.#store.lock(lockName(id), { timeout: 0 })
      return false
    } catch (error) {
      if (isMilleError(error, 'STORE_LOCK_TIMEOUT')) return true
      throw error
    }
  }

  /** False when a step has it at this moment. */
  async remove(id: string): Promise<boolean> {
    try {
      await using _lock = await this.#store.lock(lockName(id), { timeout: 0 })
      const folder = await this.#store.folder('cache-mounts')
      // at once: a kill must not leave half of the files to the next step
      if (existsSync(join(folder, id))) renameSync(join(folder, id), join(folder, asideName(id)))
      this.#records().remove(id, { durable: false })
      removeFolder(folder, asideName(id))
      return true
    } catch (error) {
      if (isMilleError(error, 'STORE_LOCK_TIMEOUT')) return false
      throw error
    }
  }

  /** Removes what killed processes left: folders half made, half removed, or never noted. */
  async sweep(): Promise<void> {
    const folder = await this.#store.folder('cache-mounts')
    for (const name of readdirSync(folder)) {
      const [id = '', , pid] = name.split(/[.-]/)
      if (pid !== undefined && identifyProcess(Number(pid)) === undefined) removeFolder(folder, name)
      else if (pid === undefined && this.#records().get(id) === undefined) await this.remove(id)
    }
  }

  async #lock(
    key: string,
    { sharing, name }: Pick<WantedCacheMount, 'sharing' | 'name'>,
    stack: AsyncDisposableStack,
    { signal, onWait }: WaitOptions,
  ): Promise<string> {
    const shared = sharing === 'shared'
    for (let instance = 0; ; instance++) {
      const id = idOf(key, instance)
      try {
        stack.use(await this.#store.lock(lockName(id), { timeout: 0, shared, signal }))
        return id
      } catch (error) {
        if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
        if (sharing === 'private') continue
        onWait?.(name, String(error.details['holder']))
        stack.use(await this.#store.lock(lockName(id), { timeout: longestWait, shared, signal }))
        return id
      }
    }
  }

  /** One that is here stays as it is, whatever others have: only a missing one is made, by one of those who share it. */
  async #make(id: string, wanted: WantedCacheMount, { bring, signal }: MakeOptions): Promise<void> {
    const folder = await this.#store.folder('cache-mounts')
    if (existsSync(join(folder, id))) return
    await using _alone = await this.#store.lock(`${lockName(id)}-new`, { timeout: longestWait, signal })
    if (!existsSync(join(folder, id))) await makeFolder(folder, id, wanted, bring)
  }

  /** Notes the use of a mount that is locked. Its path. */
  #use(folder: string, id: string, wanted: WantedCacheMount): string {
    const path = join(folder, id)
    const now = Date.now()
    const { name, description } = wanted
    const records = this.#records()
    const noted = records.update(id, (data) => ({
      ...data,
      description,
      lastUsedAt: now,
      uses: data.uses + 1,
    }))
    if (noted !== undefined) return join(path, 'files')
    try {
      const data = { name, description, createdAt: now, lastUsedAt: now, uses: 1 }
      records.insert({ id, name: id, data }, { durable: false })
    } catch (error) {
      // somebody who shares it was first
      if (!isMilleError(error, 'NAME_IN_USE')) throw error
    }
    return join(path, 'files')
  }

  #records(): RecordStore<CacheMountData> {
    return this.#store.records<CacheMountData>('cache-mount')
  }
}

interface MakeOptions {
  readonly bring: ((folder: string) => Promise<boolean>) | undefined
  readonly signal: AbortSignal | undefined
}

function idOf(key: string, instance: number): string {
  return instance === 0 ? key : digestHex(sha256(`${key} ${instance}`))
}

function lockName(id: string): string {
  return `cache-mount-${id}`
}

function asideName(id: string): string {
  return `${id}.gone-${process.pid}`
}

function rank({ sharing }: WantedCacheMount): number {
  return ['shared', 'private', 'locked'].indexOf(sharing)
}

/** Appears whole, by rename: what a kill leaves is not taken for one. */
async function makeFolder(
  folder: string,
  id: string,
  { fill }: WantedCacheMount,
  bring: MakeOptions['bring'],
): Promise<void> {
  const staged = `${id}.new-${process.pid}`
  const files = join(folder, staged, 'files')
  const begin = (): void => {
    removeFolder(folder, staged)
    mkdirSync(files, { recursive: true, mode: 0o700 })
  }
  begin()
  const isBrought = (await bring?.(files)) === true
  if (!isBrought) {
    // half of what another machine had may lie there
    if (bring !== undefined) begin()
    fill(files)
  }
  renameSync(join(folder, staged), join(folder, id))
}

function removeFolder(folder: string, name: string): void {
  const handle = openFolder(folder)
  try {
    removeTree(handle, name)
  } finally {
    closeSync(handle)
  }
}
