import { canonicalJson } from '../../oci/canonical-json.ts'
import type { ComposedImage } from '../../oci/composed-image.ts'
import type { ImageConfig } from '../../oci/config.ts'
import { sha256, type Digest } from '../../oci/digest.ts'
import { checkForm, type ImageForm, type LayerCompression } from '../../oci/image-form.ts'
import { isIndexType } from '../../oci/media-types.ts'
import type { Platform } from '../../oci/platform.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { BuildReportText } from '../../store/reports.ts'
import type { Lease, Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import { imageUrl } from '../attest/image-url.ts'
import type { Predicate } from '../attest/attestation.ts'
import type { BuildEvent, BuildRequest } from '../build.ts'
import { exportFiles } from './export-files.ts'
import type { ImageWriter } from './image-writer.ts'
import type { ArchiveOutput, BuildOutput, FilesOutput, ImageOutput } from './output.ts'
import { squashConfig } from './squash-config.ts'

/** What a build led to, for one platform. */
export interface FinishedImage {
  /** As it was asked for. */
  readonly platform: Platform
  readonly config: ImageConfig
  /** The image it was built on, and how many of the layers are its. */
  readonly parent?: Digest
  readonly baseLayers: number
  /** What is stated about it. */
  readonly predicates?: readonly Predicate[]
}

export interface ExportWork {
  readonly store: Store
  readonly writer: ImageWriter
  readonly lease: Lease
  /** Of this build: begins the keys of snapshots. */
  readonly id: string
  /** Canonical names of the build. */
  readonly names: readonly string[]
  readonly images: readonly FinishedImage[]
  /** Kept with the image. */
  readonly report: BuildReportText
  /** Seconds. */
  readonly epoch: number
  readonly emit: (event: BuildEvent) => void
  readonly now: () => number
  readonly signal?: AbortSignal | undefined
}

export interface ExportResult {
  /** The image ID, or the index's digest. */
  readonly id: Digest
  /** Of the manifest or index; absent when none was written. */
  readonly manifest?: Digest
  readonly names: readonly string[]
  /** For `--metadata-file`. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/** How layers are compressed when they leave and nothing else was said. */
const leaving: LayerCompression = { type: 'gzip', force: false }

/** The form of an output's image. */
export function formOf(output: ImageOutput | ArchiveOutput): ImageForm {
  const leaves = output.kind === 'archive' ? output.layout === 'oci' : output.push
  return leaves ? { compression: leaving, ...output.form } : output.form
}

/** Brings the result to every output, in their order; the first that fails ends it. */
export async function exportBuild(work: ExportWork, outputs: readonly BuildOutput[]): Promise<ExportResult> {
  const [first] = work.images
  let result: ExportResult = {
    id: sha256(canonicalJson(first?.config ?? {})),
    names: [],
    metadata: {},
  }
  for (const [index, output] of outputs.entries()) {
    if (output.kind === 'none') continue
    const step = `export ${index}`
    work.emit({ type: 'start', step, name: titleOf(output), time: work.now() })
    const note = (text: string): void => work.emit({ type: 'note', step, text })
    try {
      result = { ...result, ...(await exportOne(work, output, note)) }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      work.emit({ type: 'error', step, time: work.now(), message })
      throw error
    }
    work.emit({ type: 'done', step, time: work.now(), cached: false })
  }
  return result
}

function titleOf(output: Exclude<BuildOutput, { kind: 'none' }>): string {
  switch (output.kind) {
    case 'image':
      return 'exporting to image'
    case 'archive':
      return `exporting to ${output.layout} image format`
    case 'folder':
      return 'exporting to client directory'
    case 'tar':
      return 'exporting to client tarball'
  }
}

async function exportOne(
  work: ExportWork,
  output: ImageOutput | ArchiveOutput | FilesOutput,
  note: (text: string) => void,
): Promise<Partial<ExportResult>> {
  if (output.kind === 'image') return await exportImage(work, output, note)
  if (output.kind === 'archive') return await exportArchive(work, output, note)
  const { store, id, epoch, signal } = work
  const roots = work.images.map(({ platform, config, predicates }) => {
    return { platform, diffIds: config.rootfs.diff_ids, ...(predicates !== undefined && { predicates }) }
  })
  await exportFiles({ store, id, epoch, roots, report: note, signal }, output)
  return {}
}

async function exportImage(
  work: ExportWork,
  output: ImageOutput,
  note: (text: string) => void,
): Promise<ExportResult> {
  const { store, writer, signal } = work
  const names = output.names ?? work.names
  // config and manifest are synced together with the layers, by `put`
  await using lease = await store.lease('export', { deferred: true })
  const isAttested = work.images.some(({ predicates }) => predicates !== undefined)
  // statements name the manifest as it will be for good
  const usual = isAttested ? { compression: leaving } : {}
  const composed = await compose(work, { ...output, names, form: { ...usual, ...formOf(output) } }, lease)
  const id = idOf(composed)
  if (output.store) {
    note(`writing image ${id} done`)
    const parent = composed.images.length === 1 ? composed.images[0]?.parent : undefined
    const stored = output.byDigest ? [] : names
    store.images.put({
      id,
      manifest: composed.target,
      names: stored,
      report: work.report,
      ...(parent !== undefined && { parent }),
    })
    for (const name of stored) note(`naming to ${name} done`)
  }
  for (const name of output.push ? names : []) {
    note(`pushing manifest for ${name}@${composed.target.digest}`)
    await writer.push(composed, name, { lease, byDigest: output.byDigest, signal })
  }
  return described(composed, names)
}

async function exportArchive(
  work: ExportWork,
  output: ArchiveOutput,
  note: (text: string) => void,
): Promise<ExportResult> {
  const { store, writer, signal } = work
  const names = output.names ?? work.names
  await using lease = await store.lease('export')
  const composed = await compose(work, { ...output, names, form: formOf(output) }, lease)
  note(`exporting manifest ${composed.target.digest} done`)
  await writer.archive(composed, names, output.layout, output.destination, { signal })
  note('sending tarball done')
  return described(composed, names)
}

async function compose(
  work: ExportWork,
  output: Pick<ImageOutput, 'form' | 'squash'> & { readonly names: readonly string[] } & BuildOutput,
  lease: Lease,
): Promise<ComposedImage> {
  const { store, writer, signal } = work
  const images = work.images.map(async ({ platform, config, parent, baseLayers, predicates }) => ({
    platform,
    config: output.squash ? await squashConfig(store, config, baseLayers, work.lease, { signal }) : config,
    ...(parent !== undefined && { parent }),
    ...(predicates !== undefined &&
      holdsAttestations(output) && {
        attestation: { subjects: output.names.map((name) => imageUrl(name, platform)), predicates },
      }),
  }))
  return await writer.compose(await Promise.all(images), output.form, lease, { signal })
}

/** Has it an index to put them into? Docker's archive has no place for one. */
export function holdsAttestations(output: BuildOutput): boolean {
  return output.kind === 'image' || (output.kind === 'archive' && output.layout === 'oci')
}

/** Beside the image in an index, or beside the files. */
export function canBeAttested(output: BuildOutput): boolean {
  return output.kind === 'folder' || output.kind === 'tar' || holdsAttestations(output)
}

/** An image is known by its config, what stands in an index by that. */
function idOf({ target, images }: ComposedImage): Digest {
  const [only] = images
  return only === undefined || isIndexType(target.mediaType) ? target.digest : only.config.digest
}

/** The keys are buildx's. */
function described(composed: ComposedImage, names: readonly string[]): ExportResult {
  const { target, images } = composed
  const [only] = images
  return {
    id: idOf(composed),
    manifest: target.digest,
    names,
    metadata: {
      ...(only !== undefined &&
        !isIndexType(target.mediaType) && { 'containerimage.config.digest': only.config.digest }),
      'containerimage.descriptor': target,
      'containerimage.digest': target.digest,
      ...(names.length > 0 && { 'image.name': names.join(',') }),
    },
  }
}

/** What cannot work is said before any step has run (D-C7). INVALID_ARGUMENT. */
export function checkOutputs(
  outputs: readonly BuildOutput[],
  {
    names,
    images,
    attested,
  }: { readonly names: readonly string[]; readonly images: number; readonly attested: boolean },
): void {
  const refuse = (reason: string): Error => failure('INVALID_ARGUMENT', { reason })
  for (const output of outputs) {
    if (output.kind === 'image' || output.kind === 'archive') {
      const isAttested = attested && holdsAttestations(output)
      checkForm(output.form, { isIndex: images > 1 || isAttested, attested: isAttested })
    }
    if (output.kind === 'archive' && output.layout === 'docker' && images > 1) {
      throw refuse(
        'docker exporter does not currently support exporting manifest lists: use type=oci for several platforms',
      )
    }
    if (output.kind !== 'image' || !output.push) continue
    const pushed = output.names ?? names
    if (pushed.length === 0) throw refuse('tag is needed when pushing to registry')
    for (const name of output.byDigest ? pushed : []) {
      const reference = parseReference(name)
      if (reference.tag !== undefined && reference.tag !== 'latest')
        throw refuse(`can't push tagged ref ${formatReference(reference)} by digest`)
    }
  }
}

/** What cannot be done without the network. INVALID_ARGUMENT. */
export function checkOffline(
  { pull, cacheTo = [] }: Pick<BuildRequest, 'pull' | 'cacheTo'>,
  outputs: readonly BuildOutput[],
): void {
  const refuse = (what: string): Error =>
    failure('INVALID_ARGUMENT', { reason: `a build that is offline cannot ${what}` })
  if (pull) throw refuse('pull its base images: leave out one of the two')
  if (outputs.some((output) => output.kind === 'image' && output.push)) throw refuse('push its result')
  if (cacheTo.some(({ address }) => address.type !== 'local' && address.type !== 'inline'))
    throw refuse('export its cache over the network')
}
