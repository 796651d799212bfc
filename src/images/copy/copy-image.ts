import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { ContentSource, ContentTarget } from '../../oci/content.ts'
import { copyGraph } from '../../oci/copy-graph.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { shortId, type Digest } from '../../oci/digest.ts'
import { isIndexType } from '../../oci/media-types.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { choosePlatform, hostPlatform } from '../../oci/platform.ts'
import { tagOrDigest } from '../../oci/reference.ts'
import type { PushOptions, Repository } from '../../registry/repository.ts'
import { getMember } from '../../store/find-image.ts'
import type { Lease, Store } from '../../store/store.ts'
import { writeTar } from '../../tar/writer.ts'
import { failure } from '../../util/errors.ts'
import { replaceFile } from '../../util/replace-file.ts'
import { storeMembers } from '../archive-members.ts'
import type { CopyOptions } from '../images.ts'
import { loadImages } from '../load.ts'
import { mounting } from '../manifests/publish.ts'
import { openArchive } from '../open-archive.ts'
import { pullImage, type PullParts } from '../pull.ts'
import { distributable } from '../push.ts'
import { pushGraph, readGraph } from '../push-graph.ts'
import { archiveMembers, type ArchiveRoot } from '../write-archive.ts'
import { writeLayout } from '../write-layout.ts'
import { type CopyPlace, fullName, parseCopyPlace } from './copy-place.ts'
import { chooseEntry, layoutSource, resolveInLayout } from './layout-source.ts'

type Parts = PullParts

/**
 * Copies an image between registries, folders and archives of the OCI layout, and the store: with `all` whatever an index
 * names, else the image of one platform. Its manifest keeps its bytes and so its digest. Between registries nothing is
 * written to the disk; any other way leads through the store, where what was under way is held by a lease and listed by
 * nobody. Returns what is at the destination.
 */
export async function copyImage(
  parts: Parts,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<Descriptor> {
  const [source, target] = [parseCopyPlace(from), parseCopyPlace(to)]
  if (source.kind === 'registry' && target.kind === 'registry') {
    return await copyBetweenRegistries(parts, source, target, options)
  }
  if (source.kind === 'store' && target.kind === 'store') {
    throw failure('INVALID_ARGUMENT', {
      reason: 'both are in the store: mille tag gives an image another name',
    })
  }
  if (source.kind === 'registry' && target.kind === 'store' && options.all !== true) {
    return await pullAs(parts, source, target, options)
  }
  try {
    await using lease = await parts.store.lease(`copy ${from}`)
    const root = await stage(parts, source, lease, options)
    await deliver(parts, root, source, target, options)
    return root
  } finally {
    // what only passed through
    await parts.store.collect()
  }
}

type Registry = Extract<CopyPlace, { kind: 'registry' }>

async function copyBetweenRegistries(
  { open }: Parts,
  { reference: from }: Registry,
  { reference: to }: Registry,
  options: CopyOptions,
): Promise<Descriptor> {
  const [source, target] = [await open(from), await open(to)]
  const { signal, onProgress } = options
  const top = await source.resolve(tagOrDigest(from), { signal })
  const root = await choose(source, top, options)
  const place = from.registry === to.registry ? mounting(target, from.repository, { signal }) : target
  await copyGraph(source, resuming(place, source), root, { signal, onProgress })
  if (to.digest !== undefined && to.digest !== root.digest) {
    throw failure('BLOB_DIGEST_MISMATCH', { expected: to.digest, found: root.digest })
  }
  if (to.tag !== undefined) await target.tag(root, to.tag, { signal })
  return root
}

/** An upload that breaks goes on from where the destination stands, with bytes that are asked of the source anew (B-PS-1). */
function resuming(target: ContentTarget, source: Repository): ContentTarget {
  return {
    fetch: (descriptor, options) => target.fetch(descriptor, options),
    exists: (descriptor) => target.exists(descriptor),
    push: (blob, body, options = {}) => {
      const { signal } = options
      const reopen = async (start: number, end: number): Promise<Readable> => {
        const rest = await source.fetch(blob, { signal, offset: start })
        return Readable.from(firstBytes(rest, end - start), { objectMode: false })
      }
      const more: PushOptions = { ...options, reopen }
      return target.push(blob, body, more)
    },
  }
}

async function* firstBytes(body: Readable, count: number): AsyncGenerator<Buffer> {
  let left = count
  // leaving the loop destroys the body
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}

async function pullAs(
  parts: Parts,
  { reference }: Registry,
  { name }: Extract<CopyPlace, { kind: 'store' }>,
  { platform, signal, onProgress }: CopyOptions,
): Promise<Descriptor> {
  const from = `${reference.registry}/${reference.repository}`
  const text = `${from}${reference.digest === undefined ? `:${reference.tag}` : `@${reference.digest}`}`
  const [pulled] = await pullImage(parts, text, { signal, onProgress, ...(platform && { platform }) })
  const record = pulled && parts.store.images.get(pulled.id)
  if (record === undefined) throw failure('NO_SUCH_IMAGE', { reference: text })
  const known = fullName({ kind: 'store', name })
  if (known !== undefined) parts.store.images.tag(known, record.id)
  return record.manifest
}

/** Brings all of it into the store's content, held by `lease`. */
async function stage(
  parts: Parts,
  source: CopyPlace,
  lease: Lease,
  options: CopyOptions,
): Promise<Descriptor> {
  const { store, open, checkSignature } = parts
  const { signal, onProgress } = options
  switch (source.kind) {
    case 'registry': {
      const repository = await open(source.reference)
      const top = await repository.resolve(tagOrDigest(source.reference), { signal })
      await checkSignature?.(repository, source.reference, top.digest, { signal })
      return await copyIn(store, repository, top, lease, options)
    }
    case 'layout':
      return await copyIn(
        store,
        layoutSource(source.folder),
        resolveInLayout(source.folder, source.tag),
        lease,
        options,
      )
    case 'archive': {
      const tar = await openArchive(createReadStream(source.file), { signal }).catch((error: unknown) => {
        throw fromNodeError(error, source.file)
      })
      const index = (await storeMembers(store, tar, lease, { signal })).find('index.json')
      if (!index) {
        throw failure('LAYOUT_INVALID', {
          path: source.file,
          reason: 'it has no index.json; mille load reads Docker’s archives',
        })
      }
      const top = chooseEntry(await store.content.read(index.digest), source.file, undefined)
      return await choose(store.content, top, options)
    }
    case 'store': {
      const whole = getMember(store.images, source.name, undefined)
      const isList = isIndexType(whole.manifest.mediaType)
      const platform = options.platform ?? (isList ? hostPlatform() : undefined)
      const record = options.all === true ? whole : getMember(store.images, source.name, platform)
      lease.hold({ kind: 'image', id: record.id })
      return (await distributable(store, record, lease, { signal, onProgress })).target
    }
  }
}

async function copyIn(
  store: Store,
  source: ContentSource,
  top: Descriptor,
  lease: Lease,
  options: CopyOptions,
): Promise<Descriptor> {
  const root = await choose(source, top, options)
  const { content } = store
  const target: ContentTarget = {
    fetch: (descriptor, op) => content.fetch(descriptor, op),
    exists: async (descriptor) => {
      // held first, then looked for
      lease.hold({ kind: 'blob', digest: descriptor.digest })
      return await content.exists(descriptor)
    },
    push: async (descriptor, body, op) => {
      await content.ingest(body, { ...op, lease, expected: descriptor })
    },
  }
  await copyGraph(source, target, root, { signal: options.signal, onProgress: options.onProgress })
  return root
}

/** With `all` what was found; of an index else the image of one platform. */
async function choose(
  source: ContentSource,
  { mediaType, digest, size }: Descriptor,
  { all = false, platform = hostPlatform(), signal }: CopyOptions,
): Promise<Descriptor> {
  let at: Descriptor = { mediaType, digest, size }
  for (let depth = 0; depth < 8; depth++) {
    if (all || !isIndexType(at.mediaType)) return at
    const document = parseManifestDocument(await buffer(await source.fetch(at, { signal })), at.mediaType)
    if (document.kind === 'manifest') return at
    const chosen = choosePlatform(document.index, platform)
    at = { mediaType: chosen.mediaType, digest: chosen.digest, size: chosen.size }
  }
  throw failure('MANIFEST_INVALID', { reason: `indexes nested deeper than 8 below ${digest}` })
}

async function deliver(
  { store, open }: Parts,
  root: Descriptor,
  source: CopyPlace,
  target: CopyPlace,
  options: CopyOptions,
): Promise<void> {
  const { signal } = options
  switch (target.kind) {
    case 'registry': {
      const repository = await open(target.reference)
      const { blobs } = await readGraph(store, root)
      const ids = new Map<Digest, string>(blobs.map(({ digest }) => [digest, shortId(digest)]))
      await pushGraph({ store, repository, sources: [], options }, root, ids)
      if (target.reference.tag !== undefined) await repository.tag(root, target.reference.tag, { signal })
      return
    }
    case 'layout':
      return await writeLayout(store, named(root, fullName(source), target.tag), target.folder, { signal })
    case 'archive': {
      const members = archiveMembers(store, [named(root, fullName(source), undefined)])
      try {
        await replaceFile(target.file, (temporary) =>
          pipeline(writeTar(members), createWriteStream(temporary), { signal }),
        )
      } catch (error) {
        throw fromNodeError(error, target.file)
      }
      return
    }
    case 'store': {
      const members = archiveMembers(store, [named(root, fullName(target), undefined)])
      await loadImages(store, Readable.from(writeTar(members), { objectMode: false }), { signal })
    }
  }
}

/** The entry of an `index.json`: by its full name where it is known, by a tag alone where it is not. */
function named(root: Descriptor, name: string | undefined, tag: string | undefined): ArchiveRoot {
  const docker = isIndexType(root.mediaType) ? {} : { docker: root }
  if (tag !== undefined) {
    const annotations = { 'org.opencontainers.image.ref.name': tag }
    return { target: { ...root, annotations }, names: [], ...docker }
  }
  return { target: root, names: name === undefined ? [] : [name], ...docker }
}
