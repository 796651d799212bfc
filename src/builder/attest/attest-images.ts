import { randomUUID } from 'node:crypto'
import type { Dockerfile } from '../../dockerfile/ast.ts'
import type { ImageConfig } from '../../oci/config.ts'
import { chainIdOf } from '../../oci/digest.ts'
import { formatPlatform, type Platform } from '../../oci/platform.ts'
import type { Store } from '../../store/store.ts'
import type { BuildEvent, BuildRequest } from '../build.ts'
import type { PlatformPlan } from '../platform-plans.ts'
import type { StepId } from '../plan/step.ts'
import type { StepResult } from '../session.ts'
import type { AttestationRequest, Predicate } from './attestation.ts'
import { findPackages, type FoundPackages } from './find-packages.ts'
import { provenanceOf, type ProvenanceFacts } from './provenance.ts'
import { spdxDocument, spdxPredicate } from './spdx.ts'
import { readVersionControl } from './version-control.ts'

export interface AttestWork {
  readonly store: Store
  /** Of this build: begins the keys of snapshots. */
  readonly id: string
  readonly request: BuildRequest
  readonly dockerfile: Dockerfile
  readonly plans: readonly PlatformPlan[]
  readonly results: ReadonlyMap<StepId, StepResult>
  /** Seconds. */
  readonly epoch: number
  readonly emit: (event: BuildEvent) => void
  /** Milliseconds since the build began. */
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
}

/** What is to be stated about each image of a build, in their order. */
export async function attestImages<
  Image extends { readonly platform: Platform; readonly config: ImageConfig },
>(
  work: AttestWork,
  images: readonly Image[],
  { provenance, sbom = false }: AttestationRequest,
): Promise<(Image & { readonly predicates: readonly Predicate[] })[]> {
  const { request, plans } = work
  const { context } = request
  const versionControl =
    provenance !== undefined && context.kind === 'folder' ? await readVersionControl(context.path) : undefined
  const times = request.timestamps === 'preserve' ? timesOf(work) : undefined
  const attested: (Image & { readonly predicates: readonly Predicate[] })[] = []
  for (const [index, image] of images.entries()) {
    const plan = plans[index] as PlatformPlan
    const facts: ProvenanceFacts = {
      ...work,
      plan,
      ...(versionControl && { versionControl }),
      ...(times && { times }),
    }
    const predicates = [
      ...(sbom ? [await listPackages(work, image)] : []),
      ...(provenance === undefined ? [] : [provenanceOf(facts, provenance)]),
    ]
    attested.push({ ...image, predicates })
  }
  return attested
}

/**
 * Provenance for the user's own records, by buildx's names: nothing of it goes into the images. Source: buildx,
 * "BUILDX_METADATA_PROVENANCE".
 */
export async function recordedProvenance(
  work: AttestWork,
  images: readonly { readonly platform: Platform; readonly config: ImageConfig }[],
  mode: 'min' | 'max',
): Promise<Record<string, object>> {
  const stated = await attestImages(work, images, { provenance: { mode } })
  const key = 'buildx.build.provenance'
  const several = stated.length > 1
  return Object.fromEntries(
    stated.map(({ platform, predicates }) => [
      several ? `${key}/${formatPlatform(platform)}` : key,
      predicates[0]?.predicate ?? {},
    ]),
  )
}

/** One invocation for all images: a wall clock and a name that nobody else has. */
function timesOf({ now }: AttestWork): ProvenanceFacts['times'] & object {
  const finished = Date.now()
  return {
    started: Math.round(finished - now()),
    finished,
    invocation: randomUUID().replaceAll('-', '').slice(0, 25),
  }
}

async function listPackages(
  { store, id, epoch, emit, now, signal }: AttestWork,
  { platform, config }: { readonly platform: Platform; readonly config: ImageConfig },
): Promise<Predicate> {
  const step = `sbom ${formatPlatform(platform)}`
  emit({ type: 'start', step, name: `[${formatPlatform(platform)}] generating sbom`, time: now() })
  const found = await packagesIn(store, `${id}-sbom`, config, signal)
  for (const path of found.unread) emit({ type: 'note', step, text: `not read: /${path}` })
  emit({ type: 'note', step, text: `${found.packages.length} packages` })
  emit({ type: 'done', step, time: now(), cached: false })
  return {
    predicateType: spdxPredicate,
    fileName: 'sbom.spdx.json',
    predicate: spdxDocument(found, epoch),
  }
}

async function packagesIn(
  store: Store,
  key: string,
  { rootfs }: ImageConfig,
  signal: AbortSignal | undefined,
): Promise<FoundPackages> {
  const chain = chainIdOf(rootfs.diff_ids)
  if (chain === undefined) return { packages: [], unread: [] }
  const { path } = await store.snapshots.view(key, chain)
  try {
    return await findPackages(path, signal)
  } finally {
    await store.snapshots.remove(key)
  }
}
