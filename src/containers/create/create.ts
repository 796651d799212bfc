import { hostname as hostName } from 'node:os'
import { currentProcess } from '../../linux/process-identity.ts'
import { hostPlatform } from '../../oci/platform.ts'
import { getMember } from '../../store/find-image.ts'
import type { ImageRecord } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { recordEvent } from '../container-events.ts'
import type { ContainerRequest, CreateOptions } from '../containers.ts'
import { findCdiDevices } from './cdi.ts'
import { parseExtraHost } from './etc-files.ts'
import { exposedPorts } from './exposed-ports.ts'
import { fillVolumes } from '../volume/fill-volume.ts'
import { lockContainer, removeFolders } from '../handle.ts'
import { containerBase, ensureBase } from './init-layer.ts'
import { checkLimits, limitWarnings } from './check-limits.ts'
import { logLimit } from './log-config.ts'
import { commandLine, mergeConfig } from './merge-config.ts'
import { chooseNetworks } from '../network/choose-networks.ts'
import { resolveMounts } from '../volume/mounts.ts'
import { checkName, randomName } from './names.ts'
import type { ContainerParts } from '../parts.ts'
import { chooseIpcMode } from './ipc-mode.ts'
import { choosePidMode } from './pid-mode.ts'
import { processOptions } from './process-options.ts'
import { checkRestartPolicy } from '../life/restart-policy.ts'
import { snapshotKey, updateContainer, type ContainerData, type ContainerRow } from '../record.ts'
import { securityOptions } from './security-options.ts'
import { removeForsakenContainers, settleIdle } from '../life/settle.ts'
import { removeVolume } from '../volume/volumes.ts'
import { holdImageMounts } from '../volume/lend-mounts.ts'
import { randomHex } from '../../util/random.ts'

/**
 * A container that has not run: record, writable snapshot, volumes. All or nothing.
 * NO_SUCH_IMAGE, CONTAINER_NAME_IN_USE, EXPOSED_PORT_INVALID, NO_COMMAND and the mount errors.
 */
export async function createContainer(
  parts: ContainerParts,
  request: ContainerRequest,
  options: CreateOptions = {},
): Promise<{ id: string; warnings: string[] }> {
  const { store, runtime } = parts
  runtime.checkContainers()
  await removeForsakenContainers(parts)
  const image = getMember(store.images, request.image, request.platform, request.image)
  const imageConfig = image.config.config ?? {}
  const config = mergeConfig(imageConfig, request)
  checkLimits(request)
  checkRestartPolicy(request)
  logLimit(request)
  securityOptions(request.securityOptions)
  processOptions(request)
  await findCdiDevices(request.cdiDevices ?? [])
  request.extraHosts.forEach(parseExtraHost)
  if (request.publishAll) exposedPorts(config)
  const modes = { ...(await choosePidMode(parts, request)), ...chooseIpcMode(parts, request) }
  const id = randomHex(32)
  const records = store.records<ContainerData>('container')
  const chosen = chooseNetworks(store, request)
  const name =
    request.name === undefined
      ? randomName((one) => records.find(one) !== undefined)
      : checkName(request.name)
  await using lease = await store.lease('image mounts')
  const { mounts, anonymousVolumes } = await resolveMounts(store, request, imageConfig)
  // images of one index share its ID
  const stackId = request.platform === undefined ? image.id : image.manifest.digest
  const stack = { id: stackId, diffIds: image.config.rootfs.diff_ids }
  const chain = await containerBase(store, stack)
  const data: ContainerData = {
    createdAt: Date.now(),
    imageId: image.id,
    imageName: request.image,
    ...(chain !== undefined && { chain }),
    request: { ...request, ...modes },
    config,
    hostname: chosen.hostname ?? hostnameFor(id, request),
    networks: chosen.networks,
    ...(chosen.joined !== undefined && { joined: chosen.joined }),
    args: commandLine(config),
    mounts,
    anonymousVolumes,
    ...(options.toStart === true && { starter: currentProcess() }),
    phase: 'creating',
    startedAt: 0,
    error: '',
  }
  const holds = [
    { kind: 'image', id: image.id } as const,
    ...(chain ? [{ kind: 'chain', chain } as const] : []),
    ...(await holdImageMounts(store, mounts, lease)),
  ]
  // held until all is there: whoever finds `creating` and the lock free knows that this process is dead
  await using _lock = await lockContainer(store, id)
  try {
    await insertNamed(parts, { id, name, data, holds })
    await ensureBase(store, stack, chain)
    const snapshot = await store.snapshots.prepare(snapshotKey(id), chain, {
      shortLived: request.autoRemove,
    })
    await fillVolumes(parts, { id, data }, snapshot.path)
    recordEvent(
      parts,
      updateContainer(store, id, (now) => ({ ...now, phase: 'created' })),
      'create',
    )
  } catch (error) {
    records.remove(id)
    await store.snapshots.remove(snapshotKey(id)).catch(() => {})
    for (const volume of anonymousVolumes) await removeVolume(store, volume, true)
    removeFolders(parts, id)
    throw error
  }
  return { id, warnings: await warningsFor(runtime, image, data) }
}

async function insertNamed(parts: ContainerParts, row: Omit<ContainerRow, 'sequence'>): Promise<void> {
  const records = parts.store.records<ContainerData>('container')
  for (let attempt = 0; ; attempt++) {
    try {
      // after a power cut a `--rm` container is removed wherever it still shows
      records.insert(row, { durable: !row.data.request.autoRemove })
      return
    } catch (error) {
      if (!isMilleError(error, 'NAME_IN_USE')) throw error
      const holder = records.find(row.name)
      // one that a killed process left half made has no right to the name
      if (attempt === 0 && holder) await settleIdle(parts, holder.id)
      else if (attempt > 1 || holder)
        throw failure('CONTAINER_NAME_IN_USE', { name: row.name, id: holder?.id ?? '' }, { cause: error })
    }
  }
}

function hostnameFor(id: string, request: ContainerRequest): string {
  const isHosts = request.network === 'host' || request.uts === 'host'
  const name = request.hostname ?? (isHosts ? hostName() : id.slice(0, 12))
  // sethostname(2) takes 64 bytes; anything but letters, digits, dot and dash could add lines to /etc/hosts (C-R13)
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62})$/.test(name)) throw failure('HOSTNAME_INVALID', { name })
  return name
}

async function warningsFor(
  runtime: ContainerParts['runtime'],
  image: ImageRecord,
  { request }: ContainerData,
): Promise<string[]> {
  const warnings: string[] = []
  const { os, architecture } = image.config
  const host = hostPlatform()
  if (request.platform === undefined && architecture !== host.architecture) {
    warnings.push(
      `The requested image's platform (${os}/${architecture}) does not match the detected host platform (${host.os}/${host.architecture}) and no specific platform was requested`,
    )
  }
  if (request.oomKillDisable === true)
    warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.')
  return [...warnings, ...(await limitWarnings(runtime, request))]
}
