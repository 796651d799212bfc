/** Major, minor, patch. */
type Version = readonly [number, number, number]

/** From the first, to before the second. */
type Span = readonly [Version, Version]

const none: Version = [0, 0, 0]
const endless: Version = [Infinity, 0, 0]

/** The version that a tag such as `1.2`, `v1.2.3` names; undefined for any other, also one with a suffix (`1.2-rc1`). */
export function versionOf(tag: string): Version | undefined {
  const match = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/.exec(tag)
  return match ? [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)] : undefined
}

export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

/**
 * A test for versions: `^1.2`, `~1.2.3`, `1.x`, `>=1.2 <2`, `1.2 - 1.4`, several with `||`. Throws a plain Error with the
 * reason. Source: Semantic Versioning 2.0.0; ranges as npm has them, without those of pre-releases.
 */
export function parseVersionRange(text: string): (version: Version) => boolean {
  const choices = text.split('||').map((choice) => parseAll(choice.trim()))
  return (version) => choices.some((spans) => spans.every((span) => isWithin(version, span)))
}

function isWithin(version: Version, [from, to]: Span): boolean {
  return compareVersions(version, from) >= 0 && compareVersions(version, to) < 0
}

function parseAll(text: string): readonly Span[] {
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text)
  if (hyphen) return [[parsePart(hyphen[1] ?? '').span[0], parsePart(hyphen[2] ?? '').span[1]]]
  // `>= 1.2` is one condition
  const words = text.replaceAll(/([<>=~^])\s+/g, '$1').split(/\s+/)
  return words.map(parseCondition)
}

function parseCondition(text: string): Span {
  const [, sign = '', rest = ''] = /^(>=|<=|>|<|=|~|\^)?(.*)$/.exec(text) ?? []
  const { span, given } = parsePart(rest)
  const [from, to] = span
  switch (sign) {
    case '>=':
      return [from, endless]
    case '>':
      return [to, endless]
    case '<':
      return [none, from]
    case '<=':
      return [none, to]
    case '~':
      return [from, given < 2 ? to : [from[0], from[1] + 1, 0]]
    case '^':
      return [from, caretEnd(from, given, to)]
    default:
      return span
  }
}

/** The first number that is not zero may not change. */
function caretEnd([major, minor, patch]: Version, given: number, end: Version): Version {
  if (given < 2) return end
  if (major > 0) return [major + 1, 0, 0]
  if (minor > 0 || given < 3) return [0, minor + 1, 0]
  return [0, 0, patch + 1]
}

/** `1.2.x`: what it spans, and how many numbers it gives. */
function parsePart(text: string): { readonly span: Span; readonly given: number } {
  if (!/^v?(?:\d{1,9}|[xX*])(?:\.(?:\d{1,9}|[xX*])){0,2}$/.test(text)) {
    throw new Error(`"${text}" is no version: need something like ^1.2, >=1.2 <2 or 1.x`)
  }
  const words = text.replace(/^v/, '').split('.')
  const open = words.findIndex((word) => !/^\d+$/.test(word))
  const [major, minor, patch] = words.slice(0, open < 0 ? undefined : open).map(Number)
  if (major === undefined) return { span: [none, endless], given: 0 }
  if (minor === undefined)
    return {
      span: [
        [major, 0, 0],
        [major + 1, 0, 0],
      ],
      given: 1,
    }
  if (patch === undefined)
    return {
      span: [
        [major, minor, 0],
        [major, minor + 1, 0],
      ],
      given: 2,
    }
  return {
    span: [
      [major, minor, patch],
      [major, minor, patch + 1],
    ],
    given: 3,
  }
}
