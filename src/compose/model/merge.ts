import { isMapping, type Mapping } from './shape.ts'

/** Lists whose items are known by a key: one of a later file takes the place of an earlier one. By the last names of the path. */
const keys: readonly (readonly [pattern: RegExp, key: (item: unknown) => unknown])[] = [
  [/^services\/[^/]+\/ports$/, (item) => fields(item, 'host_ip', 'target', 'published', 'protocol')],
  [/^services\/[^/]+\/(volumes|devices)$/, (item) => fields(item, 'target')],
  [/^services\/[^/]+\/secrets$/, (item) => targetOf(item, '/run/secrets/')],
  [/^services\/[^/]+\/configs$/, (item) => targetOf(item, '/')],
  [/^services\/[^/]+\/env_file$/, (item) => fields(item, 'path')],
  [/^services\/[^/]+\/extra_hosts$/, (item) => item],
  [
    /^services\/[^/]+\/(cap_add|cap_drop|dns|dns_opt|dns_search|expose|links|profiles|tmpfs)$/,
    (item) => item,
  ],
  [
    /^services\/[^/]+\/(security_opt|group_add|device_cgroup_rules|label_file|external_links)$/,
    (item) => item,
  ],
  [/^services\/[^/]+\/build\/(tags|platforms|extra_hosts)$/, (item) => item],
  [/^services\/[^/]+\/networks\/[^/]+\/(aliases|link_local_ips)$/, (item) => item],
]

/** Lists that a later file replaces. */
const replaced = /^services\/[^/]+\/(command|entrypoint|healthcheck\/test)$/

/**
 * What two files say of one thing, in long forms: mappings are merged, lists follow each other, anything else is as the later
 * file says. Source: compose-spec, "Merge and override".
 */
export function merge(earlier: unknown, later: unknown, path = ''): unknown {
  if (isMapping(earlier) && isMapping(later)) {
    if (isOtherDriver(earlier, later, path)) return later
    const pairs = Object.entries(later).map(([key, value]) => {
      const inner = path === '' ? key : `${path}/${key}`
      return [key, Object.hasOwn(earlier, key) ? merge(earlier[key], value, inner) : value] as const
    })
    return { ...earlier, ...Object.fromEntries(pairs) }
  }
  if (Array.isArray(earlier) && Array.isArray(later) && !replaced.test(path))
    return append(earlier, later, path)
  // a network that is only named again is no change of how to take part in it
  if (later === null && isMapping(earlier)) return earlier
  return later
}

/** Options of another log driver mean nothing to this one. */
function isOtherDriver(earlier: Mapping, later: Mapping, path: string): boolean {
  if (!/^services\/[^/]+\/logging$/.test(path)) return false
  const [before, after] = [earlier['driver'], later['driver']]
  return before !== undefined && after !== undefined && before !== after
}

function append(earlier: readonly unknown[], later: readonly unknown[], path: string): readonly unknown[] {
  if (/^networks\/[^/]+\/ipam\/config$/.test(path)) return pools(earlier, later)
  const key = keys.find(([pattern]) => pattern.test(path))?.[1]
  return key === undefined ? [...earlier, ...later] : unique([...earlier, ...later], key)
}

/** The later of two with one key stands in the place of the earlier. */
function unique(items: readonly unknown[], key: (item: unknown) => unknown): readonly unknown[] {
  return [...new Map(items.map((item) => [key(item), item])).values()]
}

/** Of one subnet: merged. */
function pools(earlier: readonly unknown[], later: readonly unknown[]): readonly unknown[] {
  const bySubnet = new Map<unknown, unknown>()
  for (const pool of [...earlier, ...later]) {
    const subnet = fields(pool, 'subnet')
    bySubnet.set(subnet, bySubnet.has(subnet) ? merge(bySubnet.get(subnet), pool) : pool)
  }
  return [...bySubnet.values()]
}

function fields(item: unknown, ...names: readonly string[]): string {
  return isMapping(item) ? JSON.stringify(names.map((name) => item[name] ?? '')) : String(item)
}

function targetOf(item: unknown, folder: string): unknown {
  return isMapping(item) ? (item['target'] ?? `${folder}${String(item['source'])}`) : item
}

/** Without what stands at the path. */
export function without(tree: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path
  if (key === undefined || !isMapping(tree) || !Object.hasOwn(tree, key)) return tree
  if (rest.length > 0) return { ...tree, [key]: without(tree[key], rest) }
  const { [key]: _, ...others } = tree
  return others
}
