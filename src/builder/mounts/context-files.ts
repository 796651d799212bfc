import type { ChainId } from '../../oci/digest.ts'
import type { Ingredient, LayerEntry } from '../../store/store.ts'
import { contentDigest, listFiles } from '../context/content-digest.ts'
import type { Selection } from '../context/content-digest.ts'
import type { SourceNode } from '../context/source-tree.ts'
import { isFolder } from '../context/source-tree.ts'
import { stepKey } from '../cache/step-key.ts'
import { CopyEntries } from '../operations/copy-entries.ts'
import { atStep } from '../operations/find-sources.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { contextDelta } from './context-delta.ts'
import type { ContextDelta } from './context-delta.ts'
import type { BindMountOp } from './mount-sources.ts'

/** What a file of the context that is mounted alone is called in its layer. */
const fileName = 'file'

/** Layers that changes are put on one another in, before all files are written anew. */
const deepest = 8

/**
 * The files of the context that a mount shows, as layers: the context itself may change while the step runs, and holds
 * what the ignore file hides. They are kept for the next build, which writes only what has changed since; each source of
 * a context has only its newest files.
 */
export async function contextFiles(
  session: BuildSession,
  inputs: StepInputs,
  { origin, source }: Pick<BindMountOp, 'origin' | 'source'>,
  selection: Selection,
): Promise<{ readonly chain: ChainId | undefined; readonly path: string }> {
  const [node] = selection.nodes
  const path = node === undefined || isFolder(node) ? '' : fileName
  const ingredients: Ingredient[] = [
    { kind: 'text', name: 'timestamps', value: `${session.timestamps} ${session.epoch}` },
    { kind: 'file', name: 'files', value: contentDigest(selection) },
  ]
  const key = stepKey('context', ingredients)
  const found = await session.cache.find(key)
  if (found !== undefined && found !== 'evicted') return { chain: found.result.chain, path }
  const name = origin.kind === 'context' ? (origin.name ?? 'context') : ''
  const lineage = `${session.scope} context ${name} ${source}`
  const before = await session.cache.newest(lineage)
  const isShallow = before !== undefined && before.result.diffIds.length < deepest
  const delta = isShallow ? contextDelta(selection, before.files) : undefined
  const base = delta === undefined ? undefined : before
  const entries = await entriesOf(session, inputs, selection, { delta, base: base?.result.chain })
  const { snapshots } = session.store
  const layer = await snapshots.write(entries, base?.result.chain, session)
  const chain = await snapshots.apply(layer.diffId, base?.result.chain, session)
  const diffIds = [...(base?.result.diffIds ?? []), layer.diffId]
  session.cache.replace({
    key,
    lineage,
    type: 'source.local',
    description: `local source for ${name}${source === '' ? '' : ` (${source})`}`,
    ingredients,
    files: listFiles(selection),
    result: { chain, diffIds, added: layer.diffId, cached: false },
    size: layer.size + (base?.size ?? 0),
  })
  return { chain, path }
}

interface Written {
  readonly delta: ContextDelta | undefined
  /** What the delta goes on. */
  readonly base: ChainId | undefined
}

async function entriesOf(
  session: BuildSession,
  inputs: StepInputs,
  { tree, nodes: [node] }: Selection,
  { delta, base }: Written,
): Promise<LayerEntry[]> {
  const entries = new CopyEntries({
    lower: await session.lower(base),
    destination: '/',
    intoFolder: true,
    ...(session.timestamps === 'preserve' ? {} : { constantTime: BigInt(session.epoch) * 1_000_000_000n }),
  })
  const children = (folder: SourceNode): readonly SourceNode[] =>
    tree.children(folder).filter((child) => delta === undefined || delta.nodes.has(child))
  try {
    if (node !== undefined) entries.addTree(tree, { node, name: fileName, children })
    return [...entries.entries(), ...(delta?.removed ?? []).map(whiteout)]
  } catch (error) {
    throw atStep(session, inputs, error)
  }
}

function whiteout(path: string): LayerEntry {
  return { path, type: 'whiteout', mode: 0, uid: 0, gid: 0, mtime: 0n }
}
