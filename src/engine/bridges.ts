import { join } from 'node:path'
import type { BridgePlan } from '../containers/parts.ts'
import { inUserNamespace } from '../linux/user-namespace.ts'
import type { BridgeNetwork, UserBridge } from '../runtime/runtime.ts'
import { failure } from '../util/errors.ts'
import { bridgeStateFolder, bridgeStateFolders, namesFolder, networkStateFolder } from './state-folder.ts'

/** The network that containers and steps have when nobody says otherwise, one for all stores of the machine. */
export async function openSharedBridge(): Promise<BridgeNetwork> {
  const stateFolder = bridgeStateFolder()
  if (inUserNamespace()) {
    const { openPastaNetwork } = await import('../runtime/network/pasta-network.ts')
    return openPastaNetwork({ stateFolder })
  }
  const { openBridge } = await import('../runtime/network/bridge.ts')
  return openBridge({ stateFolder, neighbours: bridgeStateFolders })
}

/** A user's network. Its interface is named by its ID, so that it is found again whatever its name. ROOTLESS_NETWORK. */
export async function openUserBridge({ id, ...plan }: BridgePlan): Promise<UserBridge> {
  if (inUserNamespace()) throw failure('ROOTLESS_NETWORK', { reason: 'user networks need root' })
  const { openBridge } = await import('../runtime/network/bridge.ts')
  return openBridge({
    ...plan,
    // 15 bytes are what the kernel takes
    name: `mille${id.slice(0, 10)}`,
    stateFolder: networkStateFolder(id),
    neighbours: bridgeStateFolders,
    namesFolder: namesFolder(),
    lockPath: join(bridgeStateFolder(), 'lock'),
  })
}
