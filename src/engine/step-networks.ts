import type { StepNetwork, StepNetworks } from '../builder/step-runner.ts'
import type { BridgeNetwork, Runtime } from '../runtime/runtime.ts'
import { isMilleError } from '../util/errors.ts'

/** The network that this process has. */
const around: StepNetwork = { mode: { kind: 'host' }, [Symbol.asyncDispose]: async () => {} }

async function orUndefined<Result>(opening: Promise<Result>): Promise<Result | undefined> {
  return await opening.catch((error: unknown) => {
    if (isMilleError(error, 'ROOTLESS_NETWORK')) return undefined
    throw error
  })
}

/** One namespace on the bridge for all RUN steps of this process, made by the first that wants it. */
export function createStepNetworks(
  bridge: () => Promise<BridgeNetwork>,
  { isolation }: Pick<Runtime, 'isolation'>,
): StepNetworks & AsyncDisposable {
  let shared: Promise<{ readonly namespace: string } & AsyncDisposable> | undefined
  return {
    async connect() {
      if (isolation().kind === 'chroot') return around
      const network = await bridge()
      // a failure is not kept: `mille serve` builds again
      shared ??= network.openBuildNetwork().catch((error: unknown) => {
        shared = undefined
        throw error
      })
      const opened = await orUndefined(shared)
      // for an ordinary user without pasta the machine's own network is all there is
      if (opened === undefined) return around
      const { namespace } = opened
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
