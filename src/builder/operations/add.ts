import { createReadStream, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileTypes } from '../../linux/statx.ts'
import type { FileBody } from '../../store/file-body.ts'
import type { Ingredient, LayerEntry } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { contentDigest, listFiles, readSelection } from '../context/content-digest.ts'
import { decompressed, sniffArchive } from '../context/decompress.ts'
import { applyMode } from '../context/file-mode.ts'
import type { Selected } from '../context/select-sources.ts'
import type { SourceTree } from '../context/source-tree.ts'
import { spoolTar } from '../context/spooled-tar.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { renderAt } from '../plan/source-problem.ts'
import type { AddOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { copyIngredients, copyTarget } from './copy.ts'
import type { CopyEntries } from './copy-entries.ts'
import type { Download } from './download.ts'
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
      for (const { path } of (await downloads.made()) ?? []) rmSync(path, { force: true })
    },
  }
}

function addIngredients(session: BuildSession, op: AddOp): Ingredient[] {
  return [
    ...copyIngredients(session, op),
    { kind: 'text', name: 'urls', value: JSON.stringify(op.urls) },
    { kind: 'text', name: 'checksum', value: op.checksum ?? '' },
  ]
}

interface Fetched {
  (): Promise<readonly Download[]>
  /** Those that were begun, if any. */
  made(): Promise<readonly Download[] | undefined>
}

/** Fetches the URLs of the step once, at the first call. */
function fetched(session: BuildSession, inputs: StepInputs, op: AddOp): Fetched {
  let pending: Promise<readonly Download[]> | undefined
  const start = async (): Promise<readonly Download[]> => {
    const results: Download[] = []
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
): Promise<Download> {
  const onProgress = (current: number, total: number | undefined): void =>
    session.emit({
      type: 'progress',
      step: step.id,
      status: 'Downloading',
      current,
      ...(total === undefined ? {} : { total }),
    })
  const options = { signal: session.signal, onProgress, ...(checksum === undefined ? {} : { checksum }) }
  try {
    // the HTTP client takes 20 ms to load: only builds that fetch something pay for it
    const { download } = await import('./download.ts')
    return await download(url, session.store.content.temporaryPath(), options)
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
      const tar = await openArchive(session, tree, one)
      if (tar === undefined) entries.addTree(tree, one)
      else {
        tars.push(tar)
        addArchive(entries, tar, op)
      }
    }
    for (const file of op.files) entries.addInline(file)
    for (const [index, file] of (await downloads()).entries())
      addDownload(session, entries, op, file, op.urls[index] ?? '')
    return await writeLayer(session, inputs, entries.entries())
  } catch (error) {
    throw atStep(session, inputs, error)
  } finally {
    for (const tar of tars) tar[Symbol.dispose]()
  }
}

function openBody(body: FileBody): Readable {
  if (body.kind === 'bytes') return Readable.from([Buffer.from(body.bytes)])
  if (body.kind === 'file') return createReadStream(body.path)
  if (body.kind === 'descriptor') return createReadStream('', { fd: body.open() })
  return body.open()
}

async function headOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    parts.push(chunk)
    size += chunk.length
    if (size >= 512) break
  }
  return Buffer.concat(parts)
}

/** Undefined for a file that is no archive; a damaged archive is an error, never copied silently (D-F40). */
async function openArchive(
  session: BuildSession,
  tree: SourceTree,
  { node, name }: Selected,
): Promise<SpooledTar | undefined> {
  if ((node.mode & fileTypes.mask) !== fileTypes.file || node.size === 0) return undefined
  const format = sniffArchive(await headOf(openBody(tree.body(node))))
  if (format === undefined) return undefined
  try {
    // a compressed file that holds no tar is copied as it is
    const inner = await headOf(
      Readable.from(decompressed(openBody(tree.body(node)), format), { objectMode: false }),
    )
    if (sniffArchive(inner) !== 'tar') return undefined
    const path = session.store.content.temporaryPath()
    const tar = await spoolTar(decompressed(openBody(tree.body(node)), format), path, session.signal)
    tree.recheck(node)
    return tar
  } catch (error) {
    if (!isMilleError(error) || error.kind === 'canceled' || error.code === 'BUILD_CONTEXT_CHANGED')
      throw error
    throw failure(
      'INVALID_ARGUMENT',
      { reason: `the archive ${name} cannot be read: ${error.message}` },
      { cause: error },
    )
  }
}

function addArchive(entries: CopyEntries, tar: SpooledTar, op: AddOp): void {
  for (const member of tar.entries) {
    if (member.path === '') continue
    const { entry, xattrs, linkPath } = member
    const mode =
      op.chmod === undefined || entry.type === 'symlink' ? entry.mode : applyMode(op.chmod, modeOf(member))
    const common: Omit<LayerEntry, 'path'> = {
      type: entry.type,
      mode,
      uid: entry.uid,
      gid: entry.gid,
      mtime: entry.mtime,
      ...(xattrs === undefined ? {} : { xattrs }),
    }
    const body = { kind: 'stream', open: () => tar.open(member) } as const
    entries.addEntry(member.path, {
      ...common,
      ...(entry.type === 'file' ? { size: entry.size, body } : {}),
      ...(entry.device === undefined ? {} : { device: entry.device }),
      ...(entry.linkTarget === undefined ? {} : { linkTarget: linkPath ?? entry.linkTarget }),
    })
  }
}

function modeOf({ entry }: SpooledTar['entries'][number]): number {
  return (entry.type === 'directory' ? fileTypes.directory : fileTypes.file) | entry.mode
}

function addDownload(
  session: BuildSession,
  entries: CopyEntries,
  op: AddOp,
  { path, size, mtime }: Download,
  url: string,
): void {
  const name = fileNameOf(url)
  if (op.intoFolder && name === undefined) {
    throw failure('INVALID_ARGUMENT', {
      reason: `no file name in ${hidePasswords(url)}: write the destination as a file`,
    })
  }
  entries.addFile(name ?? '', {
    mode: 0o600,
    size,
    body: { kind: 'file', path },
    mtime: mtime ?? BigInt(session.epoch) * 1_000_000_000n,
  })
}

/** The last part of the URL's path, as a plain name: nothing in it may become a path (C-B6). */
function fileNameOf(url: string): string | undefined {
  const last = new URL(url).pathname.split('/').at(-1) ?? ''
  let name: string
  try {
    name = decodeURIComponent(last)
  } catch {
    name = last
  }
  return name === '' || name === '.' || name === '..' || /[/\0]/.test(name) ? undefined : name
}
