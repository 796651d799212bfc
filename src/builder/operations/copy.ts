import { hasWildcard } from '../../dockerfile/glob.ts'
import { sha256, type Digest } from '../../oci/digest.ts'
import type { Ingredient, LayerInfo } from '../../store/store.ts'
import { contentDigest, listFiles, readSelection } from '../context/content-digest.ts'
import { cleanParts } from '../context/select-sources.ts'
import type { Selected } from '../context/select-sources.ts'
import type { SourceTree } from '../context/source-tree.ts'
import { TarTree } from '../context/tar-tree.ts'
import type { CopyOp } from '../plan/step.ts'
import type { BuildSession, StepInputs, StepResult } from '../session.ts'
import { emptyResult } from '../session.ts'
import { CopyEntries } from './copy-entries.ts'
import { atStep, findSources } from './find-sources.ts'
import type { Content, PreparedStep } from './operation.ts'
import { resolveOwner } from './owner.ts'
import { applyLayer } from './write-layer.ts'

/** A COPY of heredocs only: no context has to be opened for it. */
const nothing: Sources = { tree: new TarTree(undefined), selected: [] }

interface Sources {
  readonly tree: SourceTree
  readonly selected: readonly Selected[]
}

/** The parts that COPY and ADD have in common. */
export type CopyWords = Omit<CopyOp, 'kind' | 'origin'>

/** COPY (A19): files of the context or of another stage become a layer, read straight from where they are. */
export function prepareCopy(session: BuildSession, inputs: StepInputs, op: CopyOp): PreparedStep {
  const { origin } = op
  const source = originResult(op, inputs)
  const common = copyIngredients(session, op)
  let opened: Promise<Sources> | undefined
  const open = (): Promise<Sources> => (opened ??= openSources(session, inputs, op, source))
  const definition =
    origin.kind === 'context' && op.sources.length > 0
      ? {}
      : { definition: [...common, { kind: 'input', name: 'source', value: source?.chain ?? 'empty' }] }
  const write = async (hashing: boolean): Promise<LayerInfo> => {
    const entries = await copyTarget(session, inputs, op, hashing)
    const { tree, selected } = op.sources.length === 0 ? nothing : await open()
    try {
      for (const one of selected) entries.addTree(tree, one)
      for (const file of op.files) entries.addInline(file)
    } catch (error) {
      throw atStep(session, inputs, error)
    }
    return await session.store.snapshots.write(entries.entries(), inputs.parent.chain, session)
  }
  let early: LayerInfo | undefined
  const withFiles = (value: Digest): Ingredient[] => [...common, { kind: 'file', name: 'files', value }]
  const read = async (isNew: boolean): Promise<Content> => {
    const { tree, selected } = await open()
    // one pass over the files instead of two
    if (isNew && tree.isContext) early = await write(true)
    const selection = await readSelection(tree, selected, session.signal)
    // their attributes came to light too late for the headers
    if (early && selection.nodes.some((node) => tree.xattrs(node) !== undefined)) early = undefined
    const digest = contentDigest(selection)
    tree.remember?.(selectionKey(op), digest)
    return { ingredients: withFiles(digest), files: () => listFiles(selection) }
  }
  const readContent = async (isNew: boolean): Promise<Content> => {
    if (isNew || origin.kind !== 'context') return await read(isNew)
    const tree = await session.context(origin.name)
    const known = tree.remembered?.(selectionKey(op), op.sources.map(fixedParts))
    return known === undefined
      ? await read(false)
      : { ingredients: withFiles(known), read: () => read(false) }
  }
  return {
    ...definition,
    ...(op.sources.length === 0 ? {} : { content: readContent }),
    run: async () => await applyLayer(session, inputs, early ?? (await write(false))),
  }
}

/** What a selection depends on, beside the files. */
function selectionKey({ sources, exclude, parents }: CopyWords): Digest {
  return sha256(JSON.stringify([sources, exclude, parents]))
}

/** The beginning of a source that is no pattern: everything it names is there or below. */
function fixedParts(source: string): readonly string[] {
  const parts = cleanParts(source)
  const first = parts.findIndex(hasWildcard)
  return first < 0 ? parts : parts.slice(0, first)
}

export async function copyTarget(
  session: BuildSession,
  inputs: StepInputs,
  op: CopyWords,
  hashing: boolean = false,
): Promise<CopyEntries> {
  const lower = await session.lower(inputs.parent.chain)
  try {
    return new CopyEntries({
      lower,
      destination: op.destination,
      intoFolder: op.intoFolder,
      standsAlone: op.link === true,
      hashing,
      ...(op.chown === undefined ? {} : { owner: resolveOwner(lower, op.chown) }),
      ...(op.chmod === undefined ? {} : { chmod: op.chmod }),
      ...(session.timestamps === 'preserve' ? {} : { constantTime: BigInt(session.epoch) * 1_000_000_000n }),
    })
  } catch (error) {
    throw atStep(session, inputs, error, '--chown')
  }
}

export function copyIngredients({ timestamps, epoch }: BuildSession, op: CopyWords): Ingredient[] {
  const text = (name: string, value: string): Ingredient => ({ kind: 'text', name, value })
  return [
    { ...text('sources', JSON.stringify(op.sources)), shown: op.sources.join(' ') },
    text('destination', op.intoFolder ? `${op.destination}/` : op.destination),
    text('chown', op.chown ?? ''),
    text('chmod', op.chmod ?? ''),
    ...(op.exclude.length === 0 ? [] : [text('exclude', JSON.stringify(op.exclude))]),
    ...(op.parents ? [text('parents', 'true')] : []),
    ...(op.link === true ? [text('link', 'true')] : []),
    text('timestamps', `${timestamps} ${epoch}`),
    ...op.files.map(({ name, content }) => text(`heredoc ${name}`, content)),
  ]
}

function originResult({ origin }: CopyOp, { results }: StepInputs): StepResult | undefined {
  return origin.kind === 'step' ? results.get(origin.step) : emptyResult
}

async function openSources(
  session: BuildSession,
  inputs: StepInputs,
  op: CopyOp,
  source: StepResult | undefined,
): Promise<Sources> {
  const tree =
    op.origin.kind === 'context' ? await session.context(op.origin.name) : await session.tree(source?.chain)
  return { tree, selected: findSources(session, inputs, tree, op) }
}
