/** The registries this one has copies of, by the name that references call them, and the prefix their repositories have here. */
export type Namespaces = ReadonlyMap<string, string>

/**
 * Where a request to read is served from: `/v2/library/busybox/…?ns=docker.io` is what clients send that use this registry as
 * a mirror of docker.io. An unknown `ns` changes nothing. Source: OCI distribution-spec, "Registry Proxying"; containerd's hosts.md.
 */
export function namespacePath(
  method: string,
  path: string,
  query: URLSearchParams,
  namespaces: Namespaces,
): string {
  const isRead = method === 'GET' || method === 'HEAD'
  const prefix = isRead ? namespaces.get(query.get('ns') ?? '') : undefined
  // `_catalog` and `/v2/` are this registry's own
  return prefix === undefined ? path : path.replace(/^\/v2\/(?=[^_/])/, `/v2/${prefix}/`)
}
