import { canonicalJson } from '../../../oci/canonical-json.ts'
import { inWireOrder, type Descriptor } from '../../../oci/descriptor.ts'
import { sha256, type DiffId, type Digest } from '../../../oci/digest.ts'
import type { Manifest } from '../../../oci/manifest.ts'
import { mediaTypes } from '../../../oci/media-types.ts'
import { Readable } from 'node:stream'
import type { Lease, Store } from '../../../store/store.ts'
import { eachLimited } from '../../../util/each-limited.ts'
import type { BuildEvent } from '../../build.ts'
import type { ImageWriter } from '../../export/image-writer.ts'
import type { PlatformPlan } from '../../platform-plans.ts'
import type { StepId } from '../../plan/step.ts'
import { inputsOf } from '../../plan/step.ts'
import type { StepResult } from '../../session.ts'
import { cacheConfig, cacheConfigType, type RemoteRecord } from './cache-document.ts'
import type { CacheExport, CachePlace } from './cache-place.ts'
import type { ImportedCache, Origin } from './imported-cache.ts'
import { packMounts } from './pack-mounts.ts'

const parallelUploads = 4

export interface BuiltSteps {
  readonly plans: readonly PlatformPlan[]
  readonly results: ReadonlyMap<StepId, StepResult>
  /** All keys that each step's result is found under. */
  readonly keys: ReadonlyMap<StepId, readonly Digest[]>
}

export interface CacheExportWork {
  readonly store: Store
  readonly writer: ImageWriter
  readonly lease: Lease
  readonly built: BuiltSteps
  readonly imported: ImportedCache
  readonly emit: (event: BuildEvent) => void
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
}

/** The records of what was built: `min` of the steps that the images stand on, `max` of all. */
export function recordsOf({ plans, results, keys }: BuiltSteps, mode: 'min' | 'max'): RemoteRecord[] {
  const wanted = mode === 'max' ? undefined : stepsOfImages(plans)
  const records = new Map<string, RemoteRecord>()
  for (const [id, stepKeys] of keys) {
    if (wanted?.has(id) === false) continue
    const layer = results.get(id)?.added
    const record = { keys: [...new Set(stepKeys)].toSorted(), ...(layer !== undefined && { layer }) }
    records.set(JSON.stringify(record), record)
  }
  // by key: the order in which steps ended must not make another cache of the same
  return [...records].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record)
}

/** Everything that is part of an image: its last step, what that goes on from, and the layers linked into it. */
function stepsOfImages(plans: readonly PlatformPlan[]): ReadonlySet<StepId> {
  const wanted = new Set<StepId>()
  for (const { plan } of plans) {
    const byId = new Map(plan.steps.map((step) => [step.id, step]))
    const visit = (id: StepId | undefined): void => {
      const step = id === undefined ? undefined : byId.get(id)
      if (id === undefined || step === undefined || wanted.has(id)) return
      wanted.add(id)
      if (step.op.kind === 'link') for (const input of inputsOf(step)) visit(input)
      visit(step.parent)
    }
    visit(plan.image.root)
  }
  return wanted
}

/** Writes a cache that another machine goes on from: layers first, then the records, then the name. */
export async function exportCache(
  work: CacheExportWork,
  place: CachePlace,
  { mode, compression, mountBytes }: CacheExport,
): Promise<void> {
  const { imported, emit, now, signal } = work
  const step = `cache ${place.name}`
  emit({ type: 'start', step, name: `exporting cache to ${place.name}`, time: now() })
  try {
    const all = recordsOf(work.built, mode)
    const diffIds = new Set(all.flatMap(({ layer }) => layer ?? []))
    const layers = await layersOf(work, [...diffIds].toSorted(), compression)
    // those of an earlier import that is not at hand now have no bytes to go with them
    const records = all.filter(({ layer }) => layer === undefined || layers.has(layer))
    await eachLimited([...layers], parallelUploads, async ([diffId, blob]) => {
      if (await place.has(blob)) return
      emit({ type: 'progress', step, status: `writing layer ${blob.digest}` })
      await place.write(blob, await open(work, imported.origin(diffId), blob), { signal })
    })
    const mounts = mountBytes === 0 ? new Map() : await packMounts(work, { step, mountBytes, compression })
    for (const [key, blob] of mounts) {
      if (await place.has(blob)) continue
      emit({ type: 'progress', step, status: `writing cache mount ${blob.digest}` })
      await place.write(blob, await open(work, imported.mount(key), blob), { signal })
    }
    const document = cacheConfig({ records, layers, mounts })
    const config: Descriptor = { mediaType: cacheConfigType, digest: sha256(document), size: document.length }
    await place.write(config, Readable.from([document]), { signal })
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: [...layers.values(), ...mounts.values()].map(inWireOrder),
    }
    const raw = canonicalJson(manifest)
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(raw), size: raw.length }
    await place.publish(descriptor, raw, { signal })
    emit({
      type: 'note',
      step,
      text: `${records.length} steps, ${layers.size} layers, manifest ${descriptor.digest} done`,
    })
    emit({ type: 'done', step, time: now(), cached: false })
  } catch (error) {
    emit({
      type: 'error',
      step,
      time: now(),
      message: error instanceof Error ? error.message : String(error),
    })
    throw error
  }
}

/** Blobs of the layers: as they were imported where they never came here, else compressed as asked for. */
async function layersOf(
  { store, writer, lease, imported, signal }: CacheExportWork,
  diffIds: readonly DiffId[],
  compression: CacheExport['compression'],
): Promise<Map<DiffId, Descriptor>> {
  const layers = new Map<DiffId, Descriptor>()
  for (const diffId of diffIds) {
    const isHere = (await store.layers.find(diffId)) !== undefined
    const blob = isHere
      ? await writer.encode(diffId, compression, { lease, signal })
      : imported.origin(diffId)?.blob
    if (blob !== undefined) layers.set(diffId, blob)
  }
  return layers
}

async function open(
  { store, signal }: CacheExportWork,
  origin: Origin | undefined,
  blob: Descriptor,
): Promise<Readable> {
  if (origin === undefined || (await store.content.exists(blob))) return await store.content.fetch(blob)
  return await origin.place.fetch(origin.blob, { signal })
}
