import { createWriteStream } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../linux/system-failure.ts'
import { canonicalJson } from '../oci/canonical-json.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import type { Store } from '../store/store.ts'
import { makeFolders } from '../util/make-folders.ts'
import { replaceFile } from '../util/replace-file.ts'
import type { OpOptions } from '../util/progress.ts'
import { layoutPath } from './archive-members.ts'
import { blobsOf, layoutEntries, layoutIndex, layoutVersion, type ArchiveRoot } from './write-archive.ts'

const refName = 'org.opencontainers.image.ref.name'
const fullName = 'io.containerd.image.name'

/**
 * Adds an image to the OCI layout in a folder, which is made when it is missing: blobs first, each under its name only
 * when it is whole, `index.json` last. Images in it with other names stay. Source: OCI image-spec 1.1, image-layout.md.
 */
export async function writeLayout(
  store: Store,
  root: ArchiveRoot,
  folder: string,
  { signal }: OpOptions,
): Promise<void> {
  try {
    makeFolders(join(folder, 'blobs/sha256'))
    for (const blob of await blobsOf(store, [root])) {
      const path = join(folder, layoutPath(blob.digest))
      const there = await stat(path).catch(() => undefined)
      if (there?.size === blob.size) continue
      const body = await store.content.fetch(blob)
      await replaceFile(path, (temporary) => pipeline(body, createWriteStream(temporary), { signal }))
    }
    await replaceFile(join(folder, 'oci-layout'), (temporary) => writeFile(temporary, layoutVersion))
    const entries = layoutEntries(root)
    const others = (await readEntries(folder)).filter((entry) => !entries.some((one) => isSame(one, entry)))
    const index = canonicalJson(layoutIndex([...others, ...entries]))
    await replaceFile(join(folder, 'index.json'), (temporary) => writeFile(temporary, index))
  } catch (error) {
    throw fromNodeError(error, folder)
  }
}

/** Takes the other's place: the same name, or the same digest where none has one. */
function isSame(one: Descriptor, other: Descriptor): boolean {
  const name = (entry: Descriptor): string | undefined =>
    entry.annotations?.[fullName] ?? entry.annotations?.[refName]
  return name(one) === undefined ? one.digest === other.digest : name(one) === name(other)
}

async function readEntries(folder: string): Promise<readonly Descriptor[]> {
  const raw = await readFile(join(folder, 'index.json')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (raw === undefined) return []
  const document = parseManifestDocument(raw, mediaTypes.ociIndex)
  return document.kind === 'index' ? document.index.manifests : []
}
