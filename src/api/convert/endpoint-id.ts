import { sha256 } from '../../oci/digest.ts'

/** 64 hex digits that name a container's place in a network, the same whoever asks. */
export function endpointId(containerId: string, networkId: string): string {
  return sha256(`${containerId} ${networkId}`).slice('sha256:'.length)
}
