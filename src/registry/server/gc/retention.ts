import { matchesPattern } from '../access/policy.ts'
import type { RetentionRule } from './collection.ts'

export interface TagTimes {
  readonly tag: string
  /** ms since 1970; 0 when not known. */
  readonly pushed: number
  /** 0 when it never was. */
  readonly pulled: number
}

/** The first rule that fits counts. */
export function ruleFor(rules: readonly RetentionRule[], repository: string): RetentionRule | undefined {
  return rules.find(({ repositories }) => repositories.some((pattern) => matchesPattern(pattern, repository)))
}

/** Tags that the rule gives up at `now`. */
export function expiredTags<Tag extends TagTimes>(
  rule: RetentionRule,
  tags: readonly Tag[],
  now: number,
): readonly Tag[] {
  const { keepLast, keepPushedWithin, keepPulledWithin, tags: patterns = ['**'], keepTags = [] } = rule
  if (keepLast === undefined && keepPushedWithin === undefined && keepPulledWithin === undefined) return []
  const fits = (list: readonly string[], tag: string): boolean =>
    list.some((pattern) => matchesPattern(pattern, tag))
  const newestFirst = tags
    .filter(({ tag }) => fits(patterns, tag) && !fits(keepTags, tag))
    .toSorted((a, b) => b.pushed - a.pushed || (a.tag < b.tag ? 1 : -1))
  return newestFirst.filter(
    ({ pushed, pulled }, index) =>
      !(keepLast !== undefined && index < keepLast) &&
      !(keepPushedWithin !== undefined && now - pushed < keepPushedWithin) &&
      !(keepPulledWithin !== undefined && now - Math.max(pulled, pushed) < keepPulledWithin),
  )
}

export interface ManifestNode {
  readonly digest: string
  /** The later of its push and its last pull, ms since 1970. */
  readonly used: number
  readonly isTagged: boolean
  /** What it names. */
  readonly parts: readonly string[]
  readonly subject?: string
}

/**
 * Manifests that nothing needs and that were last used before `before`. Needed is what a tag names, what a needed index
 * names, what says something about a needed manifest, and what is too young to judge.
 */
export function unneededManifests(nodes: readonly ManifestNode[], before: number): readonly string[] {
  const byDigest = new Map(nodes.map((node) => [node.digest, node]))
  const bySubject = Map.groupBy(
    nodes.filter(({ subject }) => subject !== undefined),
    ({ subject }) => subject,
  )
  const needed = new Set<string>()
  const open = nodes.filter(({ isTagged, used }) => isTagged || used >= before)
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (needed.has(node.digest)) continue
    needed.add(node.digest)
    for (const part of node.parts) {
      const child = byDigest.get(part)
      if (child !== undefined) open.push(child)
    }
    open.push(...(bySubject.get(node.digest) ?? []))
  }
  return nodes.map(({ digest }) => digest).filter((digest) => !needed.has(digest))
}
