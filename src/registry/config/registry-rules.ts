import { isRegistryHost, type Reference } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'

/** Which questions a mirror is asked: those by digest, whose answer cannot be stale, those by tag, or both. */
export type MirrorUse = 'all' | 'digest' | 'tag'

export interface Mirror {
  readonly url: URL
  readonly pull: MirrorUse
}

export interface HostRule {
  /** Plain HTTP or any certificate will do. */
  readonly insecure?: boolean
  /** PEM files: who signs the host's certificate, and who we are to it. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** How registries are reached, as the administrator of this machine wants it. */
export interface RegistryRules {
  /** By prefix: `docker.io`, `quay.io/team`, `*.example.com`, `*`. In the order in which they are asked. */
  readonly mirrors: ReadonlyMap<string, readonly Mirror[]>
  /** Prefixes whose own registry is never asked: their mirrors are all there is. */
  readonly blocked: readonly string[]
  /** By `host[:port]`. */
  readonly hosts: ReadonlyMap<string, HostRule>
}

export const noRules: RegistryRules = { mirrors: new Map(), blocked: [], hosts: new Map() }

/** Where a mirror keeps a repository. */
export interface MirrorPlace {
  readonly mirror: Mirror
  readonly repository: string
}

type Named = Pick<Reference, 'registry' | 'repository'>

/** The mirrors of the longest prefix that fits, in order; the mirror's path takes the place of the prefix. */
export function mirrorsOf(rules: RegistryRules, reference: Named): readonly MirrorPlace[] {
  const prefix = longestPrefix([...rules.mirrors.keys()], reference)
  if (prefix === undefined) return []
  // what is left of the repository behind `host/path`
  const within = prefix.includes('/') ? prefix.slice(prefix.indexOf('/') + 1) : ''
  const rest = reference.repository.slice(within.length).replace(/^\//, '')
  return (rules.mirrors.get(prefix) ?? []).map((mirror) => ({
    mirror,
    repository: [pathOf(mirror.url), rest].filter(Boolean).join('/'),
  }))
}

export function isBlocked(rules: RegistryRules, reference: Named): boolean {
  return longestPrefix(rules.blocked, reference) !== undefined
}

/**
 * The rules with Docker's `registry-mirrors` and `insecure-registries` in them: the mirrors are docker.io's, and asked
 * before those of the rules. Throws INVALID_ARGUMENT for what is no address.
 */
export function withDockerSettings(
  rules: RegistryRules,
  settings: { readonly mirrors?: readonly string[]; readonly insecure?: readonly string[] },
): RegistryRules {
  const { mirrors = [], insecure = [] } = settings
  const hosts = new Map(rules.hosts)
  for (const host of insecure)
    hosts.set(host.toLowerCase(), { ...hosts.get(host.toLowerCase()), insecure: true })
  if (mirrors.length === 0) return { ...rules, hosts }
  const own = mirrors.map((text): Mirror => {
    const url = parseMirrorUrl(text)
    if (url === undefined) {
      throw failure('INVALID_ARGUMENT', {
        reason: `invalid mirror "${text.slice(0, 300)}": need http(s)://host[:port][/path]`,
      })
    }
    return { url, pull: 'all' }
  })
  const all = new Map(rules.mirrors).set('docker.io', [...own, ...(rules.mirrors.get('docker.io') ?? [])])
  return { ...rules, mirrors: all, hosts }
}

/** An address with nothing in it that would be left out or kept secret; without a scheme it is https. */
export function parseMirrorUrl(text: string): URL | undefined {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`
  if (!URL.canParse(full)) return undefined
  const url = new URL(full)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:'
  return isPlain && isHttp && isRegistryHost(url.host) ? url : undefined
}

const hostPrefix = /^(?:\*|(?:\*\.)?[^/*]+)$/

/** Is `text` something that rules can be about? */
export function isPrefix(text: string): boolean {
  const [host = '', ...path] = text.split('/')
  if (!hostPrefix.test(host) || path.some((part) => part === '')) return false
  return host === '*' ? path.length === 0 : isRegistryHost(host.replace(/^\*\./, ''))
}

function pathOf({ pathname }: URL): string {
  return pathname.replace(/^\/(?:v2\/?$)?/, '').replace(/\/$/, '')
}

/** The prefix that says most about a name; undefined when none fits. */
export function longestPrefix(prefixes: readonly string[], reference: Named): string | undefined {
  const fitting = prefixes.filter((prefix) => fits(prefix, reference))
  // a named host is more than a pattern of any length
  const weight = (prefix: string): number => prefix.length + (prefix.startsWith('*') ? 0 : 1000)
  return fitting.toSorted((a, b) => weight(b) - weight(a))[0]
}

function fits(prefix: string, { registry, repository }: Named): boolean {
  if (prefix === '*') return true
  const slash = prefix.indexOf('/')
  const host = slash < 0 ? prefix : prefix.slice(0, slash)
  const path = slash < 0 ? '' : prefix.slice(slash + 1)
  const isHost = host.startsWith('*.')
    ? registry.toLowerCase().endsWith(host.slice(1).toLowerCase())
    : registry.toLowerCase() === host.toLowerCase()
  return isHost && (path === '' || repository === path || repository.startsWith(`${path}/`))
}
