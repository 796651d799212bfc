import { failure } from '../util/errors.ts'
import { isDigest } from './digest.ts'
import type { Digest } from './digest.ts'

/**
 * A name of an image: `registry/repository[:tag][@digest]`, all parts in canonical form
 * (`docker.io`, `library/alpine`). Source: Docker's reference grammar (A38-A43).
 */
export interface Reference {
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}

export const defaultRegistry = 'docker.io'
const officialNamespace = 'library/'
const legacyRegistry = 'index.docker.io'

const maxRepositoryLength = 255
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`)
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
/** Names become keys, paths, arguments and log lines: nothing but printable ASCII without blanks gets past here. */
const printable = /^[\x21-\x7e]*$/

/** May `text` name a repository inside a registry (`library/alpine`)? Source: OCI distribution-spec 1.1, "Pulling manifests". */
export function isRepositoryName(text: string): boolean {
  return text.length <= maxRepositoryLength && repositoryPattern.test(text)
}

export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/** Is `text` a registry's `host[:port]`? */
export function isRegistryHost(text: string): boolean {
  const port = /:([0-9]{1,5})$/.exec(text.replace(/^\[[^\]]*\]/, ''))?.[1]
  return text.length <= 255 && hostPattern.test(text) && (port === undefined || Number(port) <= 65_535)
}

/**
 * Reads what a user types: `alpine`, `user/app:1`, `host:5000/app@sha256:…`. The first part is a host when it has a dot
 * or a colon, is `localhost`, or has an upper-case letter; else the registry is docker.io, where a single part means
 * `library/`. Throws REFERENCE_INVALID with the rule that was broken.
 */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid('the name is empty')
  if (text.startsWith('-'))
    throw invalid(`"${shown(text)}" starts with a dash: a name starts with a letter or digit`)
  if (!printable.test(text)) throw invalid(`"${shown(text)}" has a character that no name can have`)
  const { name, tag, digest } = splitName(text)
  const { registry, repository } = splitRegistry(name, text)
  if (registry === defaultRegistry && /^[0-9a-f]{64}$/.test(name)) {
    throw invalid('64 hex digits are an image ID, not a repository name')
  }
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The canonical form: `docker.io/library/alpine:latest`. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`
}

/** The short form that Docker shows: `alpine:latest`, `user/app:1`, `host:5000/app:1`. */
export function familiarReference(reference: Reference): string {
  return familiarRepository(reference) + suffix(reference)
}

/** The short form without tag and digest: `alpine`, `user/app`, `host:5000/app`. */
export function familiarRepository({ registry, repository }: Reference): string {
  if (registry !== defaultRegistry) return `${registry}/${repository}`
  const short = repository.slice(officialNamespace.length)
  // `library/a/b` without `library/` would be read as user `a`
  return repository.startsWith(officialNamespace) && !short.includes('/') ? short : repository
}

/** `latest` when there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference
}

/** The canonical form of what a user wrote, with registry and tag. REFERENCE_INVALID. */
export function canonicalName(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)))
}

/** What a registry is asked for. */
export function tagOrDigest({ tag, digest }: Reference): string {
  return digest ?? tag ?? 'latest'
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

function splitName(text: string): { name: string; tag?: string; digest?: Digest } {
  const at = text.indexOf('@')
  const named = at < 0 ? text : text.slice(0, at)
  const digest = at < 0 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(`the digest "${shown(digest)}" needs sha256: and 64 lower-case hex digits`)
  }
  const colon = named.lastIndexOf(':')
  // a colon before a slash belongs to the host's port
  if (colon < 0 || named.indexOf('/', colon) >= 0) return { name: named, ...(digest && { digest }) }
  const tag = named.slice(colon + 1)
  if (tag === '') throw invalid(`the tag of "${shown(text)}" is empty`)
  if (!isTag(tag)) {
    throw invalid(
      `the tag "${shown(tag)}" may have 128 letters, digits, "_", "." and "-", not starting with "." or "-"`,
    )
  }
  return { name: named.slice(0, colon), tag, ...(digest && { digest }) }
}

function splitRegistry(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const isHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  const host = isHost ? first : defaultRegistry
  if (!isRegistryHost(host)) throw invalid(`"${shown(host)}" is no registry host`)
  const registry = host === legacyRegistry ? defaultRegistry : host
  const path = isHost ? name.slice(slash + 1) : name
  const repository = registry === defaultRegistry && !path.includes('/') ? officialNamespace + path : path
  if (path === '') throw invalid(`the repository name of "${shown(text)}" is empty`)
  if (repository.length > maxRepositoryLength) {
    throw invalid(`the repository name must not be more than ${maxRepositoryLength} characters`)
  }
  if (path !== path.toLowerCase()) throw invalid(`repository name (${shown(repository)}) must be lowercase`)
  if (!isRepositoryName(repository)) {
    throw invalid(
      `repository name (${shown(repository)}) needs letters and digits, with single ".", "_", "__" or dashes between them, parted by "/"`,
    )
  }
  return { registry, repository }
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function invalid(reason: string): Error {
  return failure('REFERENCE_INVALID', { reason })
}
