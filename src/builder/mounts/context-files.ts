import type { ChainId } from '../../oci/digest.ts'
import type { Ingredient } from '../../store/store.ts'
import { contentDigest } from '../context/content-digest.ts'
import type { Selection } from '../context/content-digest.ts'
import { isFolder } from '../context/source-tree.ts'
import { stepKey } from '../cache/step-key.ts'
import { CopyEntries } from '../operations/copy-entries.ts'
import { atStep } from '../operations/find-sources.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { BindMountOp } from './mount-sources.ts'

/** What a file of the context that is mounted alone is called in its layer. */
const fileName = 'file'

/**
 * The files of the context that a mount shows, as a layer: the context itself may change while the step runs, and holds
 * what the ignore file hides. The layer is kept for the next build; each source of a context has only its newest one.
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
  if (found !== undefined && found !== 'evicted') return { chain: found.chain, path }
  const layer = await session.store.layers.write(await entriesOf(session, inputs, selection), session)
  const chain = await session.store.snapshots.apply(layer.diffId, undefined, session)
  const result = { chain, diffIds: [layer.diffId], added: layer.diffId, cached: false }
  const name = origin.kind === 'context' ? (origin.name ?? 'context') : ''
  const lineage = `${session.scope} context ${name} ${source}`
  const description = `local source for ${name}${source === '' ? '' : ` (${source})`}`
  const { size } = layer
  session.cache.replace({ key, lineage, type: 'source.local', description, ingredients, result, size })
  return { chain, path }
}

async function entriesOf(
  session: BuildSession,
  inputs: StepInputs,
  { tree, nodes: [node] }: Selection,
): Promise<ReturnType<CopyEntries['entries']>> {
  const entries = new CopyEntries({
    lower: await session.lower(undefined),
    destination: '/',
    intoFolder: true,
    ...(session.timestamps === 'preserve' ? {} : { constantTime: BigInt(session.epoch) * 1_000_000_000n }),
  })
  try {
    if (node !== undefined) entries.addTree(tree, { node, name: fileName })
    return entries.entries()
  } catch (error) {
    throw atStep(session, inputs, error)
  }
}
