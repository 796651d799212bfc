import { stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { findMount } from '../../linux/unmount-below.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { getMember } from '../../store/find-image.ts'
import type { Store } from '../../store/store.ts'
import { makeFolders } from '../../util/make-folders.ts'
import { failure, messageOf } from '../../util/errors.ts'
import type { ContainerMount, ContainerRequest, MountRequest } from '../containers.ts'
import { propagations } from './parse-volume.ts'
import { getContainer } from '../record.ts'
import { createVolume, removeVolume, volumePath } from './volumes.ts'

export interface ResolvedMounts {
  readonly mounts: readonly ContainerMount[]
  readonly anonymousVolumes: readonly string[]
}

/**
 * Makes what the request and the image's VOLUMEs name: volumes are created, host paths checked. A later mount on the
 * same target wins over `--volumes-from`, and both over the image's VOLUME. Parents are mounted before children.
 */
export async function resolveMounts(
  store: Store,
  request: ContainerRequest,
  config: ContainerConfig,
): Promise<ResolvedMounts> {
  const mounts = new Map<string, ContainerMount>()
  const anonymousVolumes: string[] = []
  const add = async (wanted: MountRequest): Promise<void> => {
    const mount = await resolveMount(store, wanted)
    if (mount.type === 'volume' && wanted.source === undefined) anonymousVolumes.push(mount.name ?? '')
    mounts.set(mount.target, mount)
  }
  try {
    for (const from of request.volumesFrom ?? []) {
      for (const mount of inheritedMounts(store, from)) mounts.set(mount.target, mount)
    }
    for (const wanted of request.mounts) await add(wanted)
    for (const volume of Object.keys(config.Volumes ?? {})) {
      const target = posix.normalize(posix.join('/', volume)).replace(/(.)\/$/, '$1')
      if (!mounts.has(target)) await add({ type: 'volume', target, readonly: false })
    }
  } catch (error) {
    for (const volume of anonymousVolumes) await removeVolume(store, volume, true)
    throw error
  }
  const sorted = [...mounts.values()].sort((a, b) => depth(a.target) - depth(b.target))
  return { mounts: sorted, anonymousVolumes }
}

const depth = (path: string): number => path.split('/').length

async function resolveMount(store: Store, wanted: MountRequest): Promise<ContainerMount> {
  const target = checkTarget(wanted.target)
  const common = { target, readonly: wanted.readonly, propagation: wanted.propagation ?? '' }
  if (common.propagation !== '' && !propagations.includes(common.propagation)) {
    throw invalid(wanted.type, `invalid propagation mode: ${common.propagation}`)
  }
  const subpath = wanted.subpath === undefined ? {} : { subpath: checkSubpath(wanted.type, wanted.subpath) }
  switch (wanted.type) {
    case 'tmpfs':
      return { ...common, type: 'tmpfs', source: '' }
    case 'bind': {
      const source = await bindSource(wanted)
      checkPropagation(source, common.propagation)
      return {
        ...common,
        type: 'bind',
        source,
        propagation: common.propagation || 'rprivate',
        ...(wanted.nonRecursive && { nonRecursive: true }),
      }
    }
    case 'volume': {
      const { source: name, volumeOptions: options, volumeLabels: labels } = wanted
      const row = await createVolume(store, {
        ...(name !== undefined && { name }),
        ...(options && { options }),
        ...(labels && { labels }),
      })
      return { ...common, ...subpath, type: 'volume', name: row.name, source: volumePath(store, row.name) }
    }
    case 'image': {
      if (!wanted.source) throw invalid('image', 'field Source must not be empty')
      const { id } = getMember(store.images, wanted.source, undefined, wanted.source)
      const image = { name: wanted.source, image: { id }, source: '' }
      return { ...common, ...subpath, ...image, type: 'image', readonly: true, propagation: 'rprivate' }
    }
  }
}

function checkTarget(target: string): string {
  if (!target.startsWith('/')) throw failure('MOUNT_TARGET_INVALID', { target })
  const clean = posix.normalize(target).replace(/(.)\/$/, '$1')
  if (clean === '/')
    throw failure('INVALID_ARGUMENT', { reason: 'invalid mount: destination can not be "/"' })
  return clean
}

/** `-v` makes a missing folder, `--mount` does not (C53). */
async function bindSource({ source = '', createSource }: MountRequest): Promise<string> {
  if (!source.startsWith('/')) throw failure('MOUNT_SOURCE_INVALID', { source })
  try {
    await stat(source)
  } catch (cause) {
    if (createSource !== true) throw failure('MOUNT_SOURCE_MISSING', { source }, { cause })
    makeSource(source)
  }
  return posix.normalize(source)
}

/** Mounts made later come through only where the host's own mount lets them. PROPAGATION_IMPOSSIBLE, in Docker's words. */
function checkPropagation(source: string, propagation: string): void {
  const isShared = /^r?shared$/.test(propagation)
  if (!isShared && !/^r?slave$/.test(propagation)) return
  const { target, tags } = findMount(source)
  if (tags.includes('shared') || (!isShared && tags.includes('master'))) return
  const wanted = isShared ? 'shared' : 'shared or slave'
  throw failure('PROPAGATION_IMPOSSIBLE', { source, target, wanted })
}

function makeSource(source: string): void {
  try {
    makeFolders(source)
  } catch (cause) {
    const reason = messageOf(fromNodeError(cause, source))
    throw failure('MOUNT_SOURCE_FAILED', { source, reason }, { cause })
  }
}

/** Where it leads is looked up at each start: what lies in a volume is not to be trusted. */
function checkSubpath(type: MountRequest['type'], subpath: string): string {
  const clean = posix.normalize(subpath)
  if (posix.isAbsolute(subpath) || clean === '..' || clean.startsWith('../'))
    throw invalid(type, 'subpath must be a relative path within the volume')
  return clean
}

function invalid(type: MountRequest['type'], reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason: `invalid mount config for type "${type}": ${reason}` })
}

/** `--volumes-from name[:ro|:rw]`. */
function inheritedMounts(store: Store, from: string): ContainerMount[] {
  const [name = '', mode] = from.split(':')
  if (mode !== undefined && !['ro', 'rw', 'z', 'Z'].includes(mode))
    throw failure('INVALID_ARGUMENT', { reason: `invalid mode: ${mode}` })
  const { data } = getContainer(store, name)
  return data.mounts
    .filter((mount) => mount.type !== 'tmpfs')
    .map((mount) => ({ ...mount, readonly: mount.readonly || mode === 'ro' }))
}
