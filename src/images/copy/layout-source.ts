import { closeSync, createReadStream, readFileSync } from 'node:fs'
import { openFileInRoot } from '../../linux/open-in-root.ts'
import type { ContentSource } from '../../oci/content.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure } from '../../util/errors.ts'
import { layoutPath } from '../archive-members.ts'

/** A folder in the OCI layout as a source; a link in it leads nowhere else, and what is no regular file is not there. */
export function layoutSource(folder: string): ContentSource {
  const open = ({ digest }: Descriptor): number | undefined => openFileInRoot(folder, layoutPath(digest))
  return {
    async fetch(target) {
      const descriptor = open(target)
      if (descriptor === undefined)
        throw failure('BLOB_NOT_FOUND', { digest: `${target.digest} in ${folder}` })
      return verifiedStream(createReadStream('', { fd: descriptor }), target)
    },
    async exists(target) {
      const descriptor = open(target)
      if (descriptor !== undefined) closeSync(descriptor)
      return descriptor !== undefined
    },
  }
}

/** What `tag` names in a folder. LAYOUT_INVALID. */
export function resolveInLayout(folder: string, tag: string | undefined): Descriptor {
  const descriptor = openFileInRoot(folder, 'index.json')
  if (descriptor === undefined)
    throw failure('LAYOUT_INVALID', { path: folder, reason: 'it has no index.json' })
  try {
    return chooseEntry(readFileSync(descriptor), folder, tag)
  } finally {
    closeSync(descriptor)
  }
}

/** The only entry of an `index.json`, or the one of that tag; without a tag `latest`. */
export function chooseEntry(raw: Buffer, path: string, tag: string | undefined): Descriptor {
  const invalid = (reason: string): Error => failure('LAYOUT_INVALID', { path, reason })
  if (raw.length > documentLimit) throw invalid(`index.json is larger than ${documentLimit} bytes`)
  const document = parseManifestDocument(raw, mediaTypes.ociIndex)
  if (document.kind !== 'index') throw invalid('index.json is no index')
  const { manifests } = document.index
  const [only] = manifests
  if (tag === undefined && only !== undefined && manifests.length === 1) return only
  const tagOf = ({ annotations }: Descriptor): string | undefined =>
    annotations?.['org.opencontainers.image.ref.name']?.replace(/^.*:/s, '')
  const found = manifests.find((entry) => tagOf(entry) === (tag ?? 'latest'))
  if (found !== undefined) return found
  const tags = manifests.flatMap((entry) => tagOf(entry) ?? entry.digest).join(', ')
  throw invalid(`no image with tag ${tag ?? 'latest'}; there is ${tags || 'none'}`)
}
