import type { RestartPolicy } from '../../containers/containers.ts'

/** Undefined when the client names none; the engine knows which names there are. */
export function toRestartPolicy(
  policy: { readonly Name?: string; readonly MaximumRetryCount?: number } | undefined,
): RestartPolicy | undefined {
  if (!policy?.Name) return undefined
  return { name: policy.Name as RestartPolicy['name'], maximumRetryCount: policy.MaximumRetryCount ?? 0 }
}
