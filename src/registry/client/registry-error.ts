import { failure } from '../../util/errors.ts'
import type { Answer } from './exchange.ts'
import { readAtMost } from './exchange.ts'
import { retryAfter } from './retry.ts'

const maxErrorBody = 1024 * 1024
const maxShown = 1024

export interface ErrorContext {
  readonly host: string
  /** As the user writes it for `login`. */
  readonly registry: string
  readonly repository: string
  readonly loggedIn: boolean
}

interface WireError {
  readonly code: string
  readonly message: string
}

/**
 * The error for an answer that is no success: what the registry said (cut to 1 KB; `failure` escapes it) and what to
 * do. Source: OCI distribution-spec 1.1, "Error Codes".
 */
export async function registryError(answer: Answer, context: ErrorContext): Promise<Error> {
  const { host, registry, repository, loggedIn } = context
  const { status } = answer
  const wire = await readWireError(answer)
  const reason = [wire.code, wire.message].filter(Boolean).join(': ').slice(0, maxShown) || `status ${status}`
  const details = { details: { registryCode: wire.code } }
  const login = `mille login ${registry === 'docker.io' ? '' : registry}`.trim()
  if (status === 401) {
    const hint = loggedIn
      ? `the stored login is refused; run: ${login}`
      : `it may not exist, or run: ${login}`
    return failure('REGISTRY_UNAUTHORIZED', { host, repository, hint }, details)
  }
  if (status === 403) {
    const hint = loggedIn ? 'the stored login lacks this right' : `run: ${login}`
    return failure('REGISTRY_DENIED', { host, repository, hint }, details)
  }
  if (status === 429) {
    const seconds = Math.ceil((retryAfter(answer.header('retry-after')) ?? 60_000) / 1000)
    const hint = loggedIn ? '' : `; logged in there may be more: ${login}`
    const told = `${reason}${limits(answer)}${hint}`
    return failure('REGISTRY_RATE_LIMITED', { host, seconds, reason: told }, details)
  }
  if (wire.code === 'MANIFEST_BLOB_UNKNOWN' || (wire.code === 'BLOB_UNKNOWN' && status === 400)) {
    return failure('REGISTRY_BLOB_UNKNOWN', { host, repository, reason }, details)
  }
  if (status === 404) return failure('REGISTRY_REPOSITORY_UNKNOWN', { host, repository, reason }, details)
  const code = status >= 500 ? 'REGISTRY_FAILED' : 'REGISTRY_REFUSED'
  return failure(code, { host, repository, status, reason }, details)
}

/** What the registry allows, where it says so: `ratelimit-limit: 100;w=21600`. Source: Docker Hub, "Pull usage and limits". */
function limits(answer: Answer): string {
  const read = (name: string): readonly [count: string, seconds: number] | undefined => {
    const [, count, window] = /^(\d{1,9})(?:;w=(\d{1,9}))?$/.exec(answer.header(name) ?? '') ?? []
    return count === undefined ? undefined : [count, Number(window ?? 0)]
  }
  const limit = read('ratelimit-limit')
  if (limit === undefined) return ''
  const [count, seconds] = limit
  const remaining = read('ratelimit-remaining')
  const window =
    seconds >= 3600 ? ` in ${Math.round(seconds / 3600)} h` : seconds > 0 ? ` in ${seconds} s` : ''
  return ` (${count} requests${window}${remaining === undefined ? '' : `, ${remaining[0]} left`})`
}

async function readWireError(answer: Answer): Promise<WireError> {
  try {
    const body = (await readAtMost(answer.body, maxErrorBody))?.toString() ?? ''
    if (!/json/i.test(answer.header('content-type') ?? '')) return { code: '', message: plain(body) }
    const first = (JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] }).errors?.[0]
    return { code: text(first?.code), message: text(first?.message) }
  } catch {
    // an error without a readable body: its status says enough
    return { code: '', message: '' }
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('\n', ' ').slice(0, maxShown) : ''
}

/** The words of an HTML or text page. */
function plain(body: string): string {
  const words = body.slice(0, 65_536).replaceAll(/<[^<>]*>/g, ' ')
  return words.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}
