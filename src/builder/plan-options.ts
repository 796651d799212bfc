import { hostPlatform } from '../oci/platform.ts'
import type { BuildRequest } from './build.ts'
import type { PlanOptions } from './plan/make-plan.ts'
import { NamedContexts } from './plan/named-contexts.ts'

/** What a plan must know of a request. */
export function planOptions(request: BuildRequest, resolve: PlanOptions['resolve']): PlanOptions {
  const local = hostPlatform()
  const { buildArgs, network, target, entitlements = [], unset = [] } = request
  return {
    buildArgs,
    network,
    // whoever gives all steps the network of this machine allows it to each
    entitlements: network === 'host' ? [...entitlements, 'network.host'] : entitlements,
    local,
    platform: request.platforms?.[0] ?? local,
    ...(target === undefined ? {} : { target }),
    unset,
    contexts: new NamedContexts(request.contexts),
    resolve,
  }
}
