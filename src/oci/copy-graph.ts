import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { eachLimited } from '../util/each-limited.ts'
import { MilleError, failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import type { ContentSource, ContentTarget } from './content.ts'
import type { Descriptor } from './descriptor.ts'
import { shortId } from './digest.ts'
import type { Digest } from './digest.ts'
import { documentLimit } from './document-fields.ts'
import type { ManifestDocument } from './manifest.ts'
import { isIndexType, isManifestType, mediaTypes } from './media-types.ts'
import { parseManifestDocument } from './parse-manifest.ts'
import { choosePlatform } from './platform.ts'
import type { Platform } from './platform.ts'
import { successors } from './successors.ts'
import { verifiedStream } from './verified-stream.ts'

export interface CopyOptions extends OpOptions {
  /** Blobs on their way at once; default 4. */
  readonly concurrency?: number
  /** Of each index, only the manifest for this platform. The index itself is copied all the same. */
  readonly platform?: Platform
  /** Progress words, where the caller has Docker's; default `Already exists`, `Copying`, `Copied`. */
  readonly wording?: { readonly exists?: string; readonly copying?: string; readonly copied?: string }
}

/** Deepest nesting of indexes. */
const maxIndexDepth = 8
/** Manifests and indexes below one root, their number and bytes: a hostile index must not keep the walk busy (C-M7). */
const maxDocuments = 10_000
const maxDocumentBytes = 64 * 1024 * 1024

interface Walk {
  readonly source: ContentSource
  readonly target: ContentTarget
  readonly options: CopyOptions
  /** Children before parents, because a Map keeps the order of insertion. */
  readonly documents: Map<Digest, ManifestDocument>
  readonly blobs: Map<Digest, Descriptor>
  readonly open: Set<Digest>
  bytes: number
}

/**
 * Copies `root` and everything it names: children before parents, so that the target never has a document whose parts
 * it lacks; each digest once; what the target has is not sent. Foreign layers are skipped. A failure keeps its code and
 * says in `details.side` (`source`, `target`) who failed; nothing is under way any more when it is thrown.
 */
export async function copyGraph(
  source: ContentSource,
  target: ContentTarget,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<void> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const walk: Walk = {
    source,
    target,
    options: { ...options, signal },
    documents: new Map(),
    blobs: new Map(),
    open: new Set(),
    bytes: 0,
  }
  await visit(walk, root, 0)
  await eachLimited([...walk.blobs.values()], options.concurrency ?? 4, async (blob) => {
    try {
      await copyBlob(walk, blob)
    } catch (error) {
      // the others must not run on for minutes behind a failure that is already certain
      stop.abort(error)
      throw error
    }
  })
  for (const { descriptor, raw } of walk.documents.values()) {
    if (await onSide('target', () => target.exists(descriptor))) continue
    await onSide('target', () => target.push(descriptor, Readable.from([raw]), walk.options))
  }
}

async function visit(walk: Walk, descriptor: Descriptor, depth: number): Promise<void> {
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) {
    if (descriptor.mediaType !== mediaTypes.dockerForeignLayerGzip)
      walk.blobs.set(descriptor.digest, descriptor)
    return
  }
  if (walk.documents.has(descriptor.digest)) return
  if (depth > maxIndexDepth) throw refuse(`indexes are nested deeper than ${maxIndexDepth}`)
  if (walk.open.has(descriptor.digest)) throw refuse(`${descriptor.digest} contains itself`)
  walk.open.add(descriptor.digest)
  const document = await readDocument(walk, descriptor)
  for (const child of children(document, walk.options.platform)) await visit(walk, child, depth + 1)
  walk.documents.set(descriptor.digest, document)
}

function children(document: ManifestDocument, platform: Platform | undefined): readonly Descriptor[] {
  if (document.kind === 'manifest' || !platform) return successors(document)
  return [choosePlatform(document.index, platform)]
}

async function readDocument(walk: Walk, descriptor: Descriptor): Promise<ManifestDocument> {
  walk.bytes += descriptor.size
  if (descriptor.size > documentLimit) {
    throw failure('MANIFEST_TOO_LARGE', { size: descriptor.size, limit: documentLimit })
  }
  if (walk.open.size > maxDocuments) throw refuse(`more than ${maxDocuments} manifests below one index`)
  if (walk.bytes > maxDocumentBytes)
    throw refuse(`more than ${maxDocumentBytes} bytes of manifests below one index`)
  const known = await onSide('target', () => walk.target.exists(descriptor))
  const side = known ? 'target' : 'source'
  return onSide(side, async () => {
    const body = await walk[side].fetch(descriptor, walk.options)
    return parseManifestDocument(await buffer(verifiedStream(body, descriptor)), descriptor.mediaType)
  })
}

async function copyBlob(walk: Walk, blob: Descriptor): Promise<void> {
  const { options, source, target } = walk
  const report = (status: string, current?: number): void =>
    options.onProgress?.({
      id: shortId(blob.digest),
      status,
      ...(current !== undefined && { current, total: blob.size }),
    })
  if (await onSide('target', () => target.exists(blob))) {
    report(options.wording?.exists ?? 'Already exists')
    return
  }
  const copying = options.wording?.copying ?? 'Copying'
  report(copying, 0)
  const body = await onSide('source', () => source.fetch(blob, { signal: options.signal }))
  const broken: { error?: unknown } = {}
  body.once('error', (error) => (broken.error = error))
  try {
    await target.push(blob, body, {
      signal: options.signal,
      onProgress: ({ current }) => report(copying, current),
    })
  } catch (error) {
    throw withSide(error, broken.error === error ? 'source' : 'target')
  }
  report(options.wording?.copied ?? 'Copied')
}

async function onSide<Result>(side: 'source' | 'target', work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw withSide(error, side)
  }
}

function withSide(error: unknown, side: 'source' | 'target'): unknown {
  if (!isMilleError(error)) return error
  const { kind, code, message, cause, details } = error
  return new MilleError(kind, code, message, { cause, details: { ...details, side } })
}

function refuse(reason: string): Error {
  return failure('MANIFEST_INVALID', { reason })
}
