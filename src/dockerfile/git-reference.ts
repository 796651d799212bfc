import type { Fault } from './values.ts'

/** A repository with what to take of it: the source of ADD, or a build context (B12, B47). */
export interface GitReference {
  /** As git takes it: without fragment and query. */
  readonly remote: string
  readonly protocol: 'http' | 'https' | 'ssh' | 'git'
  /** Name or address, without a port. */
  readonly host: string
  /** Branch, tag, full name (`refs/…`) or commit; absent: the default branch. */
  readonly ref?: string
  /** A commit or the beginning of one, which the reference must lead to. */
  readonly commit?: string
  /** Clean, relative. */
  readonly subdir?: string
  readonly keepGitDir?: boolean
  /** Default true. */
  readonly submodules?: boolean
  /** The commit is taken without asking where the reference leads. */
  readonly byCommit?: boolean
}

/** A commit's whole name (SHA-1 or SHA-256). */
export function isCommit(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

/** The beginning of a commit's name, as `--checksum` takes it. */
export function checkCommit(text: string): Fault | undefined {
  if (/^[0-9a-f]{1,64}$/.test(text)) return undefined
  return {
    reason: `invalid checksum "${text}": of a git repository it is a commit, in lower-case hex digits`,
  }
}

/**
 * Reads `https://host/repo.git`, `git://…`, `ssh://…` or `user@host:repo`, with `#ref:subdir` or a query (`ref`, `tag`,
 * `branch`, `subdir`, `commit` or `checksum`, `keep-git-dir`, `submodules`, `mtime`, `fetch-by-commit`). Undefined for
 * anything else, http URLs without `.git` among it. Source: BuildKit's documentation of git contexts.
 */
export function parseGitReference(text: string): GitReference | Fault | undefined {
  const found = splitRemote(text)
  if (found === undefined) return undefined
  const { fragment, query, ...base } = found
  if (/[\s\x00-\x1f]/.test(text)) return { reason: `invalid git URL "${text}": it has spaces in it` }
  // a host or path that begins with - would be an option to ssh or git
  if (
    base.host.startsWith('-') ||
    base.remote.startsWith('-') ||
    /(^|:)-/.test(base.remote.replace(/^[a-z]+:\/\//, ''))
  ) {
    return { reason: `invalid git URL "${text}": nothing in it may begin with -` }
  }
  const colon = fragment.indexOf(':')
  const ref = colon < 0 ? fragment : fragment.slice(0, colon)
  const subdir = colon < 0 ? '' : cleanPath(fragment.slice(colon + 1))
  return readQuery({ ...base, ...(ref === '' ? {} : { ref }), ...(subdir === '' ? {} : { subdir }) }, query)
}

type Remote = Pick<GitReference, 'remote' | 'protocol' | 'host'>

function splitRemote(text: string): (Remote & { fragment: string; query: string }) | undefined {
  // most words are paths: the patterns below cost milliseconds when they are first used
  if (!text.includes(':')) return undefined
  const hash = text.indexOf('#')
  const fragment = hash < 0 ? '' : decode(text.slice(hash + 1))
  const whole = hash < 0 ? text : text.slice(0, hash)
  const mark = whole.indexOf('?')
  const query = mark < 0 ? '' : whole.slice(mark + 1)
  const remote = mark < 0 ? whole : whole.slice(0, mark)
  const scp = /^[A-Za-z0-9_.-]+@([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?!\/\/)./.exec(remote)
  if (scp !== null) return { remote, protocol: 'ssh', host: scp[1] ?? '', fragment, query }
  const protocol = /^(https?|ssh|git):\/\//i.exec(remote)?.[1]?.toLowerCase() as
    | Remote['protocol']
    | undefined
  if (protocol === undefined || !URL.canParse(remote)) return undefined
  const url = new URL(remote)
  const isHttp = protocol === 'http' || protocol === 'https'
  if (url.hostname === '' || (isHttp && !url.pathname.endsWith('.git'))) return undefined
  return { remote, protocol, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), fragment, query }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const switches = ['keep-git-dir', 'submodules', 'fetch-by-commit']
const known = ['ref', 'tag', 'branch', 'subdir', 'checksum', 'commit', 'mtime', ...switches]

function readQuery(base: GitReference, query: string): GitReference | Fault {
  const result: Mutable<GitReference> = { ...base }
  const given = new URLSearchParams(query)
  if (given.has('tag') && given.has('branch')) return { reason: 'a git URL has a tag or a branch, not both' }
  for (const name of new Set(given.keys())) {
    const [value = '', ...more] = given.getAll(name)
    if (!known.includes(name))
      return { reason: `unknown query "${name}" of a git URL: there are ${known.join(', ')}` }
    if (more.length > 0) return { reason: `query "${name}" of a git URL is given twice` }
    const fault = switches.includes(name)
      ? setSwitch(result, name, value)
      : value === ''
        ? { reason: `query "${name}" of a git URL has no value` }
        : setValue(result, name, value)
    if (fault !== undefined) return fault
  }
  if (result.byCommit === true && !isCommit(result.commit ?? result.ref ?? '')) {
    return { reason: 'fetch-by-commit needs a whole commit' }
  }
  return result
}

function setSwitch(result: Mutable<GitReference>, name: string, value: string): Fault | undefined {
  const isOn = /^(|1|t|true)$/i.test(value)
  if (!isOn && !/^(0|f|false)$/i.test(value)) {
    return { reason: `query "${name}" of a git URL is true or false, not "${value}"` }
  }
  if (name === 'keep-git-dir') result.keepGitDir = isOn
  else if (name === 'submodules') result.submodules = isOn
  else result.byCommit = isOn
  return undefined
}

function setValue(result: Mutable<GitReference>, name: string, value: string): Fault | undefined {
  switch (name) {
    case 'subdir':
      return setOnce(result, 'subdir', cleanPath(value))
    case 'commit':
    case 'checksum':
      return checkCommit(value) ?? setOnce(result, 'commit', value)
    case 'mtime':
      // times in layers are constant, so that both come to the same
      return ['checkout', 'commit'].includes(value)
        ? undefined
        : { reason: `mtime of a git URL is checkout or commit, not "${value}"` }
    default: {
      const prefix = name === 'tag' ? 'refs/tags/' : name === 'branch' ? 'refs/heads/' : ''
      return setOnce(result, 'ref', value.startsWith(prefix) ? value : prefix + value)
    }
  }
}

function setOnce(
  result: Mutable<GitReference>,
  field: 'ref' | 'commit' | 'subdir',
  value: string,
): Fault | undefined {
  const before = result[field]
  if (before !== undefined && before !== value) {
    return { reason: `the git URL says two things: ${field} "${before}" and "${value}"` }
  }
  result[field] = value
  return undefined
}
