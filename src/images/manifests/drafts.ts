import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPlatform } from '../../dockerfile/values.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'
import { canonicalName, familiarReference, formatReference, parseReference } from '../../oci/reference.ts'
import type { Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { OpenRepository } from '../repositories.ts'
import { draftIndex } from './draft-index.ts'
import type { AnnotateOptions, ManifestDraft, Manifests, Source } from './manifests.ts'
import { copySource, publishCombined } from './publish.ts'
import { isAttestation } from '../is-attestation.ts'
import { readDocument, readMember } from './remote-image.ts'

type Drafts = Pick<Manifests, 'create' | 'add' | 'annotate' | 'findDraft' | 'push' | 'removeDraft'>

/** Manifest lists in the making (C20): one file each in the store. */
export function createDrafts(store: Store, open: OpenRepository): Drafts {
  return {
    create: (name, sources, options = {}) => createDraft(store, open, name, sources, options),
    add: (name, sources, options = {}) => addToDraft(store, open, name, sources, options),
    annotate: (name, entry, options) => annotateDraft(store, name, entry, options),
    findDraft: (name) => readDraft(store, canonical(name)),
    push: (name, options = {}) => pushDraft(store, open, name, options),
    removeDraft: async (name) => {
      await getDraft(store, name)
      await rm(await draftPath(store, canonical(name)))
    },
  }
}

function canonical(name: string): string {
  return canonicalName(name)
}

async function createDraft(
  store: Store,
  open: OpenRepository,
  name: string,
  sources: readonly string[],
  options: OpOptions & { readonly amend?: boolean },
): Promise<void> {
  await using _lock = await store.lock(`manifest ${canonical(name)}`)
  const known = await readDraft(store, canonical(name))
  if (known !== undefined && options.amend !== true) throw failure('MANIFEST_DRAFT_EXISTS', {})
  const entries = new Map(known?.entries.map((entry) => [entry.reference, entry]))
  for (const source of sources) {
    for (const entry of await readEntries(open, source, false, options)) entries.set(entry.reference, entry)
  }
  await writeDraft(store, { name: canonical(name), entries: [...entries.values()] })
}

async function addToDraft(
  store: Store,
  open: OpenRepository,
  name: string,
  sources: readonly string[],
  options: NonNullable<Parameters<Manifests['add']>[2]>,
): Promise<void> {
  const { all = false, entry = {} } = options
  await using _lock = await store.lock(`manifest ${canonical(name)}`)
  const draft = await getDraft(store, name)
  const entries = new Map(draft.entries.map((one) => [one.reference, one]))
  for (const source of sources) {
    for (const added of await readEntries(open, source, all, options)) {
      entries.set(added.reference, describe(added, entry))
    }
  }
  await writeDraft(store, { ...draft, entries: [...entries.values()] })
}

/** The image behind a name, or all images of a list. */
async function readEntries(
  open: OpenRepository,
  name: string,
  all: boolean,
  options: OpOptions,
): Promise<readonly Source[]> {
  const { reference, repository, document } = await readDocument(open, name, options)
  if (document.kind === 'manifest') {
    const { descriptor } = await readMember(repository, document, document.descriptor, options)
    return [{ reference: formatReference(reference), descriptor }]
  }
  if (!all) throw failure('MANIFEST_IS_LIST', { name: familiarReference(reference) })
  return document.index.manifests
    .filter((entry) => !isAttestation(entry))
    .map((descriptor) => ({
      reference: formatReference({ ...omitTag(reference), digest: descriptor.digest }),
      descriptor,
    }))
}

async function annotateDraft(
  store: Store,
  name: string,
  entry: string,
  options: AnnotateOptions,
): Promise<void> {
  await using _lock = await store.lock(`manifest ${canonical(name)}`)
  const draft = await getDraft(store, name)
  const wanted = canonical(entry)
  if (!draft.entries.some(({ reference }) => reference === wanted)) {
    throw failure('NO_SUCH_MANIFEST', { name: familiar(wanted) })
  }
  const entries = draft.entries.map((one) => (one.reference === wanted ? describe(one, options) : one))
  await writeDraft(store, { ...draft, entries })
}

function describe(source: Source, { annotations, ...said }: AnnotateOptions): Source {
  const { descriptor } = source
  const platform: Platform = { ...(descriptor.platform ?? { os: '', architecture: '' }), ...said }
  const text = `${platform.os}/${platform.architecture}`
  if (checkPlatform(text) !== undefined) throw failure('MANIFEST_PLATFORM', { platform: text })
  const all = { ...descriptor.annotations, ...annotations }
  return {
    ...source,
    descriptor: { ...descriptor, platform, ...(Object.keys(all).length > 0 && { annotations: all }) },
  }
}

async function pushDraft(
  store: Store,
  open: OpenRepository,
  name: string,
  options: Parameters<Manifests['push']>[1] & object,
): Promise<Descriptor> {
  const { entries } = await getDraft(store, name)
  const target = parseReference(canonical(name))
  const repository = await open(target)
  for (const entry of entries) {
    await copySource(open, entry, repository, { signal: options.signal })
    const { digest } = entry.descriptor
    options.onPushed?.(familiarReference({ ...omitTag(target), digest }), digest)
  }
  const combined = { ...draftIndex(entries), sources: entries }
  await publishCombined(open, combined, [formatReference(target)], { signal: options.signal })
  if (options.purge === true) await rm(await draftPath(store, canonical(name)), { force: true })
  return combined.descriptor
}

function omitTag({ registry, repository }: Parameters<typeof familiarReference>[0]): {
  readonly registry: string
  readonly repository: string
} {
  return { registry, repository }
}

async function getDraft(store: Store, name: string): Promise<ManifestDraft> {
  const draft = await readDraft(store, canonical(name))
  if (draft === undefined) throw failure('NO_SUCH_MANIFEST', { name: familiar(canonical(name)) })
  return draft
}

function familiar(name: string): string {
  return familiarReference(parseReference(name))
}

async function draftPath(store: Store, name: string): Promise<string> {
  return join(await store.folder('manifests'), `${digestHex(sha256(name))}.json`)
}

async function readDraft(store: Store, name: string): Promise<ManifestDraft | undefined> {
  const text = await readFile(await draftPath(store, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as ManifestDraft)
}

async function writeDraft(store: Store, draft: ManifestDraft): Promise<void> {
  const path = await draftPath(store, draft.name)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, JSON.stringify(draft), { mode: 0o600, flush: true })
  await rename(temporary, path)
}
