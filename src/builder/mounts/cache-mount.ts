import { chmodSync, chownSync, closeSync, fstatSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { mount as mountFolder, mountFlags, unmount, unmountFlags } from '../../linux/mount.ts'
import { openPathInRoot } from '../../linux/open-in-root.ts'
import { fileTypes } from '../../linux/statx.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { cacheMountIdentity, CacheMounts } from '../cache/cache-mounts.ts'
import type { WantedCacheMount } from '../cache/cache-mounts.ts'
import type { PlannedMount, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepMount } from '../step-runner.ts'
import { mountFailure, placed } from './mount-failure.ts'
import type { MountSources } from './mount-sources.ts'

type CacheMountOp = Extract<PlannedMount, { type: 'cache' }>

interface Wanted extends WantedCacheMount {
  readonly mount: CacheMountOp
}

/** The cache mounts of a step, locked until `stack` ends, where each goes. */
export async function openCaches(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  { sources, stack }: { readonly sources: MountSources; readonly stack: AsyncDisposableStack },
): Promise<StepMount[]> {
  const mounts = op.mounts.filter((mount) => mount.type === 'cache')
  const wanted: Wanted[] = []
  for (const mount of mounts) wanted.push(await describe(session, inputs, mount, op, sources))
  const taken = await new CacheMounts(session.store).take(wanted, stack, {
    signal: session.signal,
    onWait: (name, holder) => {
      const chunk = Buffer.from(`waiting for the cache mount ${name}: ${holder} has it\n`)
      session.emit({ type: 'output', step: inputs.step.id, stream: 'stderr', chunk, time: session.now() })
    },
    bring: async (name, key, folder) => {
      const from = await session.bringMount?.(name, key, folder)
      if (from === undefined) return false
      session.emit({ type: 'note', step: inputs.step.id, text: `cache mount ${name}: from ${from}` })
      return true
    },
  })
  return wanted.map((one, index) => {
    const { mount } = one
    const path = taken.get(one)?.path ?? ''
    const isInside = mount.origin.kind === 'empty' && mount.source !== ''
    const source = isInside ? openInside(session, inputs, mount, { path, index, stack }) : path
    const { target, readonly } = mount
    return { type: 'bind', source, target, readonly, lasting: !readonly }
  })
}

async function describe(
  session: BuildSession,
  inputs: StepInputs,
  mount: CacheMountOp,
  op: RunOp,
  sources: MountSources,
): Promise<Wanted> {
  const { target, sharing, origin, source, mode, uid, gid } = mount
  const isSeeded = origin.kind !== 'empty'
  const chain = sources.chain(origin)
  const root = isSeeded ? await session.view(chain) : ''
  if (isSeeded) {
    const lower = await session.lower(chain)
    const { status } = placed(session, inputs, mount, () => lower.locate(source))
    if (((status?.mode ?? 0) & fileTypes.mask) !== fileTypes.directory)
      throw mountFailure(session, inputs, mount, `"${source}" is no folder in the files mounted from`)
  }
  const identity = cacheMountIdentity(mount, chain)
  return {
    mount,
    ...identity,
    // where nothing can be mounted each step has a copy: of two at a time one would be lost
    sharing: sharing === 'shared' && isAlone(session) ? 'locked' : sharing,
    description: `cached mount ${target} from exec ${op.argv.join(' ')} with id ${JSON.stringify(identity.name)}`,
    fill: (folder) => {
      if (isSeeded) copyTreeIntoFolder(root, source, folder)
      if (!isSeeded || uid !== undefined || gid !== undefined) chownSync(folder, uid ?? 0, gid ?? 0)
      // by hand: the umask took bits from what mkdir was given
      if (!isSeeded || mode !== undefined) chmodSync(folder, mode ?? 0o755)
    },
  }
}

const isAlone = ({ runner }: BuildSession): boolean => runner.isolation().kind === 'chroot'

/**
 * A folder inside the cache. Other steps write there at this moment: it is looked up once, inside the cache only, and
 * mounted by the handle that was found, so that nobody can put a link to the host in its place (CVE-2024-23651).
 */
function openInside(
  session: BuildSession,
  inputs: StepInputs,
  mount: CacheMountOp,
  {
    path,
    index,
    stack,
  }: { readonly path: string; readonly index: number; readonly stack: AsyncDisposableStack },
): string {
  const handle = openSource(session, inputs, mount, path)
  try {
    if (isAlone(session)) return readlinkSync(`/proc/self/fd/${handle}`)
    const target = join(session.folder, inputs.step.id, `cache-${index}`)
    if (fstatSync(handle).isDirectory()) mkdirSync(target)
    else writeFileSync(target, '')
    mountFolder({ source: `/proc/self/fd/${handle}`, target, flags: mountFlags.bind })
    stack.defer(() => unmount(target, unmountFlags.detach))
    return target
  } finally {
    closeSync(handle)
  }
}

function openSource(session: BuildSession, inputs: StepInputs, mount: CacheMountOp, path: string): number {
  try {
    const handle = openPathInRoot(path, mount.source)
    const status = fstatSync(handle)
    if (status.isDirectory() || status.isFile()) return handle
    closeSync(handle)
    throw failure('INVALID_ARGUMENT', { reason: 'it is neither a folder nor a file' })
  } catch (error) {
    if (!isMilleError(error)) throw error
    const isMissing = error.code === 'PATH_NOT_FOUND' || error.code === 'PATH_NOT_DIRECTORY'
    const reason = `"${mount.source}" in the cache: ${isMissing ? 'it is not there' : error.message}`
    throw mountFailure(session, inputs, mount, reason, { cause: error })
  }
}
