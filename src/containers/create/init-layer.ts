import { lstatSync } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { digestHex, type ChainId, type Digest, type DiffId } from '../../oci/digest.ts'
import { resolveInRoot } from '../../runtime/working-folder.ts'
import { ensureApplied } from '../../store/ensure-applied.ts'
import type { LayerEntry, Store } from '../../store/store.ts'
import { isMilleError } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'

/** What every container has mounted, whether its image has a place for it or not. */
const mountPoints = [
  { target: '/dev', type: 'directory' },
  { target: '/proc', type: 'directory' },
  { target: '/sys', type: 'directory' },
  { target: '/etc/hostname', type: 'file' },
  { target: '/etc/hosts', type: 'file' },
  { target: '/etc/resolv.conf', type: 'file' },
] as const

type MountPoint = (typeof mountPoints)[number]

export interface StackImage {
  readonly id: Digest
  readonly diffIds: readonly DiffId[]
}

/**
 * The stack a container's writable layer stands on: the image's layers, and on top a layer with the mount points that
 * the image lacks. Made by the runtime they would lie in the writable layer, in `diff` and in every image committed
 * from it. Which ones an image lacks is looked up once and remembered.
 */
export async function containerBase(store: Store, image: StackImage): Promise<ChainId | undefined> {
  return recallBase(store, image) ?? (await makeBase(store, image))
}

/** Makes the stack again when a collection took it; to be called once the container's record holds it. */
export async function ensureBase(store: Store, image: StackImage, base: ChainId | undefined): Promise<void> {
  if (base !== undefined && !(await store.snapshots.has(base))) await makeBase(store, image)
}

function recallBase(store: Store, { id }: StackImage): ChainId | undefined {
  const known = readIfThere(memoryOf(store, id))
  return known === '' ? undefined : (known as ChainId)
}

/** The version in the name: another list of mount points makes another layer. */
const memoryFolder = ['bases', 'v2'] as const

/** By the image, whose config names its layers: hashing their chain would cost a command 4 ms for loading the hash. */
function memoryOf(store: Store, image: Digest): string {
  return join(store.root, ...memoryFolder, digestHex(image))
}

async function makeBase(store: Store, { id, diffIds }: StackImage): Promise<ChainId | undefined> {
  await using lease = await store.lease('container base')
  const chain = await ensureApplied(store, diffIds, { lease })
  const missing = await missingMountPoints(store, chain)
  if (missing.length === 0) {
    if (chain !== undefined) await remember(store, id, chain)
    return chain
  }
  const layer = await store.layers.write(missing, { lease })
  const base = await store.snapshots.apply(layer.diffId, chain, { lease })
  await remember(store, id, base)
  return base
}

const viewPrefix = 'base-'

async function missingMountPoints(store: Store, chain: ChainId | undefined): Promise<LayerEntry[]> {
  const key = `${viewPrefix}${chain === undefined ? 'empty' : digestHex(chain)}`
  await using _lock = await store.lock(key)
  await removeViews(store, key)
  const { path } = await store.snapshots.view(key, chain)
  try {
    const entries = mountPoints.flatMap((point) => missingParts(path, point))
    return [...new Map(entries.map((entry) => [entry.path, entry])).values()]
  } finally {
    await store.snapshots.remove(key)
  }
}

/** Views that killed processes left: whose lock is free, nobody looks at. `own` is the caller's lock. */
async function removeViews(store: Store, own: string): Promise<void> {
  for (const { key } of await store.snapshots.list()) {
    if (!key.startsWith(viewPrefix)) continue
    try {
      await using _lock = key === own ? undefined : await store.lock(key, { timeout: 0 })
      await store.snapshots.remove(key)
    } catch (error) {
      if (!isMilleError(error, 'STORE_LOCK_TIMEOUT', 'SNAPSHOT_NOT_FOUND')) throw error
    }
  }
}

/** The missing parts of one path, links of the image followed inside its root as the runtime follows them (C-R4). */
function missingParts(root: string, { target, type }: MountPoint): LayerEntry[] {
  const parts = resolveInRoot(root, target).split('/').filter(Boolean)
  const entries: LayerEntry[] = []
  for (const index of parts.keys()) {
    const path = posix.join(...parts.slice(0, index + 1))
    const last = index === parts.length - 1
    const there = lstatSync(join(root, path), { throwIfNoEntry: false })
    // a file where a folder must be: nothing to be hidden, the start will say what is wrong
    if (there && !last && !there.isDirectory()) return []
    if (!there) entries.push(last ? mountPoint(path, type) : mountPoint(path, 'directory'))
  }
  return entries
}

function mountPoint(path: string, type: 'file' | 'directory'): LayerEntry {
  const common = { path, uid: 0, gid: 0, mtime: 0n }
  return type === 'directory'
    ? { ...common, type, mode: 0o755 }
    : { ...common, type, mode: 0o644, size: 0, body: { kind: 'bytes', bytes: new Uint8Array() } }
}

/** Forgets images that are gone meanwhile, so that the folder does not grow. */
async function remember(store: Store, image: Digest, base: ChainId): Promise<void> {
  const folder = await store.folder(...memoryFolder)
  for (const name of await readdir(folder)) {
    const known = readIfThere(join(folder, name))
    if (!(await store.snapshots.has(known as ChainId))) await rm(join(folder, name), { force: true })
  }
  const made = store.content.temporaryPath()
  await writeFile(made, base, { mode: 0o600 })
  await rename(made, memoryOf(store, image))
}
