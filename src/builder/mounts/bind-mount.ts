import { join } from 'node:path'
import type { ChainId } from '../../oci/digest.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepMount } from '../step-runner.ts'
import { contextFiles } from './context-files.ts'
import { mountFailure, placed } from './mount-failure.ts'
import type { BindMountOp, MountSources } from './mount-sources.ts'

interface Files {
  readonly chain?: ChainId | undefined
  /** Below the root of the chain. */
  readonly path: string
}

/**
 * Files of the context, of a stage or of an image at `target`. They are never the ones that the builder has: read only
 * they are a view of layers, else a layer of their own lies on top, which goes with the step (B29).
 */
export async function openBind(
  session: BuildSession,
  inputs: StepInputs,
  mount: BindMountOp,
  sources: MountSources,
  { key, stack }: { readonly key: string; readonly stack: AsyncDisposableStack },
): Promise<StepMount> {
  const { chain, path }: Files =
    mount.origin.kind === 'context'
      ? await contextFiles(session, inputs, mount, await sources.selection(mount))
      : { chain: sources.chain(mount.origin), path: mount.source }
  const source = await locate(session, inputs, mount, { chain, path })
  const root = mount.readonly ? await session.view(chain) : await openWritable(session, chain, { key, stack })
  return { type: 'bind', source: join(root, source), target: mount.target, readonly: mount.readonly }
}

/** Links of the source are followed inside its root only: one to `/etc` is the stage's own (C-B4). */
async function locate(
  session: BuildSession,
  inputs: StepInputs,
  mount: BindMountOp,
  { chain, path }: Files,
): Promise<string> {
  const lower = await session.lower(chain)
  const found = placed(session, inputs, mount, () => lower.locate(path))
  if (found.status !== undefined || found.path === '') return found.path
  throw mountFailure(session, inputs, mount, `"${path}" is not in the files mounted from`)
}

async function openWritable(
  { store }: BuildSession,
  chain: ChainId | undefined,
  { key, stack }: { readonly key: string; readonly stack: AsyncDisposableStack },
): Promise<string> {
  const { path } = await store.snapshots.prepare(key, chain, { shortLived: true })
  stack.defer(() => store.snapshots.remove(key))
  return path
}
