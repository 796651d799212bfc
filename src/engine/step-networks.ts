import type { StepNetworks } from '../builder/step-runner.ts'
import type { BridgeNetwork } from '../runtime/runtime.ts'

/** One namespace on the bridge for all RUN steps of this process, made by the first that wants it. */
export function createStepNetworks(bridge: () => Promise<BridgeNetwork>): StepNetworks & AsyncDisposable {
  let shared: Promise<{ readonly namespace: string } & AsyncDisposable> | undefined
  return {
    async connect() {
      const network = await bridge()
      shared ??= network.openBuildNetwork()
      const { namespace } = await shared
      return {
        mode: { kind: 'namespace', path: namespace },
        gateway: network.subnet.gateway,
        [Symbol.asyncDispose]: async () => {},
      }
    },
    async [Symbol.asyncDispose]() {
      const opened = await shared?.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
    },
  }
}
