import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { mount, mountFlags } from '../../linux/mount.ts'
import { isMounted, unmountBelow } from '../../linux/unmount-below.ts'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { hasProcess, type ContainerData } from '../record.ts'
import { parseMountWords } from './volume-options.ts'
import { volumePath, type VolumeData } from './volumes.ts'

/** Of the first and the last who use a volume only one is at work. */
function lockMount(store: Store, name: string): Promise<AsyncDisposable> {
  return store.lock(`volume-mount-${name}`)
}

/** A bind that says none of these would take them back. */
const keptWords = ['ro', 'nosuid', 'nodev', 'noexec']

/**
 * Mounts what the options of a volume name, unless it has none or it is there; resolves with the words that a bind of it
 * must say again. VOLUME_MOUNT_FAILED with the kernel's word.
 */
export async function mountVolume(store: Store, name: string): Promise<readonly string[]> {
  const options = store.records<VolumeData>('volume').get(name)?.data.options ?? {}
  const { type = '', device = '', o = '' } = options
  if (Object.keys(options).length === 0) return []
  const kept = keptWords.filter((word) => o.split(',').includes(word))
  await using _lock = await lockMount(store, name)
  const target = volumePath(store, name)
  if (isMounted(target)) return kept
  const { flags, propagation, data: given } = parseMountWords(o)
  const data = await withAddress(type, given)
  try {
    mount({ source: device, target, type, flags, ...(data !== '' && { data }) })
    // the kernel takes no read-only for a bind in one call
    const isReadOnlyBind = (flags & mountFlags.bind) !== 0 && (flags & mountFlags.readOnly) !== 0
    if (isReadOnlyBind) mount({ source: device, target, flags: flags | mountFlags.remount })
    if (propagation !== 0) mount({ source: 'none', target, flags: propagation })
    return kept
  } catch (cause) {
    unmountBelow(target)
    const what = [
      `mount ${device}:${target}`,
      ...(flags === 0 ? [] : [`flags: 0x${flags.toString(16)}`]),
      ...(data === '' ? [] : [`data: ${data}`]),
    ]
    throw failure(
      'VOLUME_MOUNT_FAILED',
      { path: target, what: what.join(', '), reason: kernelWord(cause) },
      { cause },
    )
  }
}

function kernelWord(cause: unknown): string {
  return isMilleError(cause) && typeof cause.details['reason'] === 'string'
    ? cause.details['reason']
    : (messageOf(cause).split(': ').at(-1) ?? '')
}

/** The kernel takes no names for the server of a network's file system. */
async function withAddress(type: string, data: string): Promise<string> {
  const [, name = ''] = /(?:^|,)addr=([^,]*)/.exec(data) ?? []
  if (!/^(nfs4?|cifs)$/.test(type) || name === '' || isIP(name) !== 0) return data
  const { address } = await lookup(name).catch((cause: unknown) => {
    throw failure(
      'INVALID_ARGUMENT',
      { reason: `error resolving passed in network volume address: ${name}` },
      { cause },
    )
  })
  return data.replace(`addr=${name}`, `addr=${address}`)
}

/** Takes the mount of `mountVolume` away unless a container that runs has it; `except` is one that does not count. */
export async function releaseVolume(store: Store, name: string, except?: string): Promise<void> {
  const options = store.records<VolumeData>('volume').get(name)?.data.options ?? {}
  if (Object.keys(options).length === 0) return
  await using _lock = await lockMount(store, name)
  const containers = store.records<ContainerData>('container').list()
  const isUsed = containers.some(({ id, data }) => id !== except && isUsing(data, name))
  if (!isUsed) unmountBelow(join(store.root, 'volumes', name))
}

function isUsing(data: ContainerData, name: string): boolean {
  return hasProcess(data) && data.mounts.some((mount) => mount.type === 'volume' && mount.name === name)
}
