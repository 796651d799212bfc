import { lstatSync } from 'node:fs'
import type { ImageConfig } from '../../oci/config.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { ChainId, DiffId, Digest } from '../../oci/digest.ts'
import { chainId, diffIdAsDigest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { parseImageConfig } from '../../oci/image-config.ts'
import type { Index } from '../../oci/manifest.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { hostPlatform, matchPlatform } from '../../oci/platform.ts'
import { successors } from '../../oci/successors.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { BlobFolders } from '../content/blob-folders.ts'
import { blobPath } from '../content/blob-folders.ts'
import { readBlob } from '../content/open-blob.ts'
import type { Ref } from './volatile.ts'

const deepestIndex = 8

/** What the store has to know of an image's documents; read from the blobs, which are hashed on the way. */
export interface ImageDocuments {
  /** Exact text of the config. */
  readonly config: string
  readonly diffIds: readonly DiffId[]
  /** Everything the image keeps alive. */
  readonly refs: readonly Ref[]
}

/** IMAGE_INCOMPLETE when a document is not there; MANIFEST_INVALID and its like when it is not one. */
export function readImageDocuments(folders: BlobFolders, id: Digest, manifest: Digest): ImageDocuments {
  const document = parseManifestDocument(readDocument(folders, id, manifest))
  if (document.kind === 'index') {
    const members = readMembers(folders, id, document.index)
    return {
      config: mainMember(members).text,
      diffIds: [...new Set(members.flatMap(({ config }) => config.rootfs.diff_ids))],
      refs: [
        ...members.flatMap(({ config }) => layerRefs(config.rootfs.diff_ids)),
        ...documentRefs(folders, manifest),
      ],
    }
  }
  const config = readDocument(folders, id, id)
  const diffIds = parseImageConfig(config).rootfs.diff_ids
  return {
    config: config.toString('utf8'),
    diffIds,
    refs: [blobRef(id), ...layerRefs(diffIds), ...documentRefs(folders, manifest)],
  }
}

/** One image of an index. */
export interface MemberDocuments {
  /** As the index names it. */
  readonly manifest: Descriptor
  /** Exact text of the config. */
  readonly text: string
  readonly config: ImageConfig
}

/**
 * The images of an index in its order; attestations are none. IMAGE_INCOMPLETE when a document is not there,
 * MANIFEST_INVALID when an entry is no image of its own.
 */
export function readMembers(folders: BlobFolders, id: Digest, index: Index): MemberDocuments[] {
  const images = index.manifests.filter(({ platform }) => platform?.os !== 'unknown')
  if (images.length === 0) throw failure('MANIFEST_INVALID', { reason: `no image in the index ${id}` })
  return images.map((manifest) => {
    const document = parseManifestDocument(readDocument(folders, id, manifest.digest), manifest.mediaType)
    if (document.kind === 'index')
      throw failure('MANIFEST_INVALID', { reason: `the index ${id} has an index in it` })
    const raw = readDocument(folders, id, document.manifest.config.digest)
    return { manifest, text: raw.toString('utf8'), config: parseImageConfig(raw) }
  })
}

/** The one that stands for all: this machine's, else the first. */
function mainMember(members: readonly MemberDocuments[]): MemberDocuments {
  const [first] = members as [MemberDocuments]
  return (
    members.find(({ manifest: { platform } }) => platform && matchPlatform(hostPlatform(), platform)) ?? first
  )
}

function layerRefs(diffIds: readonly DiffId[]): Ref[] {
  return [
    ...diffIds.map((diffId) => blobRef(diffIdAsDigest(diffId))),
    ...chainsOf(diffIds).map((chain): Ref => ({ kind: 'chain', name: chain })),
  ]
}

/** A manifest or index with all it names, as far as the store has it; what is absent or no document is named alone. */
export function documentRefs(folders: BlobFolders, digest: Digest, depth: number = 0): Ref[] {
  const raw = depth > deepestIndex ? undefined : findDocument(folders, digest)
  const children = raw === undefined ? [] : childrenOf(raw)
  return [
    blobRef(digest),
    ...children.flatMap((child) =>
      child.nested ? documentRefs(folders, child.digest, depth + 1) : [blobRef(child.digest)],
    ),
  ]
}

/** Sum of the tars' bytes; IMAGE_INCOMPLETE when one is missing. */
export function sizeOfLayers(folders: BlobFolders, id: Digest, diffIds: readonly DiffId[]): number {
  return diffIds
    .map((diffId) => {
      const size = sizeOf(folders, diffIdAsDigest(diffId))
      if (size === undefined) throw failure('IMAGE_INCOMPLETE', { id, what: `layer ${diffId}` })
      return size
    })
    .reduce((sum, size) => sum + size, 0)
}

export function sizeOf(folders: BlobFolders, digest: Digest): number | undefined {
  const status = lstatSync(blobPath(folders, digest), { throwIfNoEntry: false })
  return status?.isFile() === true ? status.size : undefined
}

function childrenOf(raw: Buffer): { readonly digest: Digest; readonly nested: boolean }[] {
  try {
    const document = parseManifestDocument(raw)
    return successors(document).map(({ digest }) => ({ digest, nested: document.kind === 'index' }))
  } catch (error) {
    if (isMilleError(error)) return []
    throw error
  }
}

/** The chain of every prefix of the stack, bottom first. */
function chainsOf(diffIds: readonly DiffId[]): ChainId[] {
  const chains: ChainId[] = []
  for (const diffId of diffIds) chains.push(chainId(chains.at(-1), diffId))
  return chains
}

function blobRef(digest: Digest): Ref {
  return { kind: 'blob', name: digest }
}

function readDocument(folders: BlobFolders, id: Digest, digest: Digest): Buffer {
  const raw = findDocument(folders, digest)
  if (raw === undefined) throw failure('IMAGE_INCOMPLETE', { id, what: digest })
  return raw
}

function findDocument(folders: BlobFolders, digest: Digest): Buffer | undefined {
  try {
    return readBlob(folders, digest, documentLimit)
  } catch (error) {
    if (isMilleError(error, 'BLOB_NOT_FOUND', 'BLOB_TOO_LARGE')) return undefined
    throw error
  }
}
