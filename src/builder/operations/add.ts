import { fileTypes } from '../../linux/statx.ts'
import type { Ingredient } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { contentDigest, listFiles, readSelection } from '../context/content-digest.ts'
import type { Selected } from '../context/select-sources.ts'
import type { SourceTree } from '../context/source-tree.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import { renderAt } from '../plan/source-problem.ts'
import type { AddOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { FetchedFile } from '../sources/fetch-url.ts'
import { fetchUrl } from '../sources/fetch-url.ts'
import { addArchive, openArchive } from './archive-entries.ts'
import { copyIngredients, copyTarget } from './copy.ts'
import type { CopyEntries } from './copy-entries.ts'
import { atStep, findSources } from './find-sources.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { writeLayer } from './write-layer.ts'

/** ADD: as COPY; archives of the context are unpacked into the layer (B45), URLs fetched (B46). */
export function prepareAdd(session: BuildSession, inputs: StepInputs, op: AddOp): PreparedStep {
  const common = addIngredients(session, op)
  const downloads = fetched(session, inputs, op)
  let opened: Promise<Sources> | undefined
  const open = (): Promise<Sources> => (opened ??= openSources(session, inputs, op))
  const isGiven = op.sources.length === 0 && (op.urls.length === 0 || op.checksum !== undefined)
  return {
    // a checksum says what the bytes are: then nothing has to be fetched to know the step again
    ...(isGiven ? { definition: common } : {}),
    content: async () => {
      const { tree, selected } = await open()
      const selection = await readSelection(tree, selected, session.signal)
      const urls = (await downloads()).map(({ digest }, index): Ingredient => ({
        kind: 'file',
        name: hidePasswords(op.urls[index] ?? ''),
        value: digest,
      }))
      return {
        ingredients: [...common, { kind: 'file', name: 'files', value: contentDigest(selection) }, ...urls],
        files: () => listFiles(selection),
      }
    },
    run: async () => await executeAdd(session, inputs, op, await open(), downloads),
    [Symbol.asyncDispose]: async () => {
      for (const file of (await downloads.made()) ?? []) file[Symbol.dispose]()
    },
  }
}

function addIngredients(session: BuildSession, op: AddOp): Ingredient[] {
  const text = (name: string, value: string): Ingredient => ({ kind: 'text', name, value })
  return [
    ...copyIngredients(session, op),
    text('urls', JSON.stringify(op.urls)),
    text('checksum', op.checksum ?? ''),
    ...(op.unpack === undefined ? [] : [text('unpack', String(op.unpack))]),
  ]
}

interface Fetched {
  (): Promise<readonly FetchedFile[]>
  /** Those that were begun, if any. */
  made(): Promise<readonly FetchedFile[] | undefined>
}

/** Fetches the URLs of the step once, at the first call. */
function fetched(session: BuildSession, inputs: StepInputs, op: AddOp): Fetched {
  let pending: Promise<readonly FetchedFile[]> | undefined
  const start = async (): Promise<readonly FetchedFile[]> => {
    const results: FetchedFile[] = []
    for (const url of op.urls) results.push(await fetchOne(session, inputs, url, op.checksum))
    return results
  }
  return Object.assign(() => (pending ??= start()), {
    made: () => pending?.catch(() => undefined) ?? Promise.resolve(undefined),
  })
}

async function fetchOne(
  session: BuildSession,
  { step }: StepInputs,
  url: string,
  checksum: string | undefined,
): Promise<FetchedFile> {
  const onProgress = (current: number, total: number | undefined): void =>
    session.emit({
      type: 'progress',
      step: step.id,
      status: 'Downloading',
      current,
      ...(total === undefined ? {} : { total }),
    })
  const { store, signal } = session
  try {
    return await fetchUrl(url, { store, signal, onProgress, checksum })
  } catch (error) {
    if (!isMilleError(error, 'ADD_FAILED')) throw error
    const place = { dockerfile: session.dockerfile, instruction: step }
    throw failure('ADD_FAILED', { text: renderAt(place, error.message) }, { cause: error })
  }
}

interface Sources {
  readonly tree: SourceTree
  readonly selected: readonly Selected[]
}

async function openSources(session: BuildSession, inputs: StepInputs, op: AddOp): Promise<Sources> {
  const tree = await session.context()
  return { tree, selected: findSources(session, inputs, tree, op) }
}

async function executeAdd(
  session: BuildSession,
  inputs: StepInputs,
  op: AddOp,
  { tree, selected }: Sources,
  downloads: Fetched,
): Promise<StepLayer> {
  const entries = await copyTarget(session, inputs, op)
  const tars: SpooledTar[] = []
  try {
    for (const one of selected) {
      const tar = op.unpack === false ? undefined : await openMember(session, tree, one)
      if (tar === undefined) entries.addTree(tree, one)
      else {
        tars.push(tar)
        addArchive(entries, tar)
      }
    }
    for (const file of op.files) entries.addInline(file)
    for (const file of await downloads()) {
      const tar = op.unpack === true ? await openDownload(session, file) : undefined
      if (tar === undefined) addDownload(session, entries, file)
      else {
        tars.push(tar)
        addArchive(entries, tar)
      }
    }
    return await writeLayer(session, inputs, entries.entries())
  } catch (error) {
    throw atStep(session, inputs, error)
  } finally {
    for (const tar of tars) tar[Symbol.dispose]()
  }
}

async function openMember(
  session: BuildSession,
  tree: SourceTree,
  { node, name }: Selected,
): Promise<SpooledTar | undefined> {
  if ((node.mode & fileTypes.mask) !== fileTypes.file || node.size === 0) return undefined
  const recheck = (): void => tree.recheck(node)
  return await openArchive(session, { name, body: () => tree.body(node), recheck })
}

async function openDownload(
  session: BuildSession,
  { name, path }: FetchedFile,
): Promise<SpooledTar | undefined> {
  return await openArchive(session, { name, body: () => ({ kind: 'file', path }) })
}

function addDownload(
  session: BuildSession,
  entries: CopyEntries,
  { path, size, mtime, name }: FetchedFile,
): void {
  entries.addFile(name, {
    mode: 0o600,
    size,
    body: { kind: 'file', path },
    mtime: mtime ?? BigInt(session.epoch) * 1_000_000_000n,
  })
}
