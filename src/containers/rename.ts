import { failure, isMilleError } from '../util/errors.ts'
import { recordEvent } from './container-events.ts'
import { checkName } from './create/names.ts'
import { lockContainer } from './handle.ts'
import { renameInNetworks } from './network/connect-networks.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer, type ContainerData } from './record.ts'

/** CONTAINER_NAME_INVALID, CONTAINER_NAME_IN_USE, CONTAINER_RENAMED_TO_ITSELF. */
export async function renameContainer(parts: ContainerParts, nameOrId: string, name: string): Promise<void> {
  const { store } = parts
  const { id } = getContainer(store, nameOrId)
  // one that is just being started would be given the old name in its networks
  await using _lock = await lockContainer(store, id)
  const row = getContainer(store, id)
  const wanted = checkName(name)
  if (wanted === row.name) throw failure('CONTAINER_RENAMED_TO_ITSELF', {})
  try {
    store.records<ContainerData>('container').rename(id, wanted)
  } catch (error) {
    if (!isMilleError(error, 'NAME_IN_USE')) throw error
    throw failure(
      'CONTAINER_NAME_IN_USE',
      { name: wanted, id: getContainer(store, wanted).id },
      { cause: error },
    )
  }
  const renamed = { ...row, name: wanted }
  recordEvent(parts, renamed, 'rename', { oldName: `/${row.name}` })
  await renameInNetworks(parts, renamed)
}
