import type { GitReference } from '../../dockerfile/git-reference.ts'
import { excludeRules } from '../../dockerfile/ignore.ts'
import { fileTypes } from '../../linux/statx.ts'
import type { Ingredient } from '../../store/store.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { contentDigest, listFiles, readSelection } from '../context/content-digest.ts'
import { filterChildren } from '../context/filter-children.ts'
import type { Selected } from '../context/select-sources.ts'
import { pathOf } from '../context/source-tree.ts'
import type { SourceTree } from '../context/source-tree.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import type { AddOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { FetchedFile } from '../sources/fetch-url.ts'
import { AddRemotes } from './add-remotes.ts'
import { addArchive, openArchive } from './archive-entries.ts'
import { copyIngredients, copyTarget } from './copy.ts'
import type { CopyEntries } from './copy-entries.ts'
import { atStep, findSources } from './find-sources.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { writeLayer } from './write-layer.ts'

/** ADD: as COPY; archives of the context are unpacked into the layer (B45), URLs and git repositories fetched (B46, B47). */
export async function prepareAdd(
  session: BuildSession,
  inputs: StepInputs,
  op: AddOp,
): Promise<PreparedStep> {
  const common = addIngredients(session, op)
  const remotes = new AddRemotes(session, inputs, op)
  let opened: Promise<Sources> | undefined
  const open = (): Promise<Sources> => (opened ??= openSources(session, inputs, op))
  // a checksum or a commit says what the bytes are: then nothing has to be fetched to know the step again
  const isGiven = op.sources.length === 0 && (op.urls.length === 0 || op.checksum !== undefined)
  return {
    ...(isGiven ? { definition: [...common, ...(await remotes.commits())] } : {}),
    content: async () => {
      const { tree, selected } = await open()
      const selection = await readSelection(tree, selected, session.signal)
      const urls = (await remotes.files()).map(({ digest }, index) => file(op.urls[index] ?? '', digest))
      const repositories: Ingredient[] = []
      for (const [index, git] of (await remotes.trees()).entries()) {
        const all = await readSelection(git, [wholeTree(git, op)], session.signal)
        repositories.push(file(op.repositories[index]?.remote ?? '', contentDigest(all)))
      }
      return {
        ingredients: [...common, file('files', contentDigest(selection)), ...urls, ...repositories],
        files: () => listFiles(selection),
      }
    },
    run: async () => await executeAdd(session, inputs, op, await open(), remotes),
    [Symbol.asyncDispose]: () => remotes[Symbol.asyncDispose](),
  }
}

function file(name: string, value: string): Ingredient {
  return { kind: 'file', name: hidePasswords(name), value }
}

/** All of a repository but what `--exclude` names. */
function wholeTree(tree: SourceTree, { exclude }: AddOp): Selected {
  const whole = { node: tree.root, name: '' }
  if (exclude.length === 0) return whole
  return { ...whole, children: filterChildren(tree, tree.root, { exclude: excludeRules(exclude) }) }
}

function addIngredients(session: BuildSession, op: AddOp): Ingredient[] {
  const text = (name: string, value: string): Ingredient => ({ kind: 'text', name, value })
  return [
    ...copyIngredients(session, op),
    text('urls', JSON.stringify(op.urls.map((url) => hidePasswords(url)))),
    ...op.repositories.map((reference) => text('git', gitText(reference))),
    text('checksum', op.checksum ?? ''),
    ...(op.unpack === undefined ? [] : [text('unpack', String(op.unpack))]),
  ]
}

/** What of a reference makes other files of the same commit; a kept `.git` holds its name and address. */
function gitText({ remote, ref, subdir, keepGitDir, submodules }: GitReference): string {
  return JSON.stringify([subdir, submodules, ...(keepGitDir === true ? [hidePasswords(remote), ref] : [])])
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
  remotes: AddRemotes,
): Promise<StepLayer> {
  const entries = await copyTarget(session, inputs, op)
  const tars: SpooledTar[] = []
  let source: string | undefined
  try {
    for (const one of selected) {
      source = pathOf(one.node)
      const tar = op.unpack === false ? undefined : await openMember(session, tree, one)
      if (tar === undefined) entries.addTree(tree, one)
      else {
        tars.push(tar)
        addArchive(entries, tar)
      }
    }
    source = undefined
    for (const inline of op.files) entries.addInline(inline)
    for (const git of await remotes.trees()) entries.addTree(git, wholeTree(git, op))
    for (const fetched of await remotes.files()) {
      const tar = op.unpack === true ? await openDownload(session, fetched) : undefined
      if (tar === undefined) addDownload(session, entries, fetched)
      else {
        tars.push(tar)
        addArchive(entries, tar)
      }
    }
    return await writeLayer(session, inputs, entries.entries())
  } catch (error) {
    throw atStep(session, inputs, error, source)
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
