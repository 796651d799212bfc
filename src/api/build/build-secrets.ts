import type { IncomingHttpHeaders } from 'node:http'
import type { SecretSource } from '../../builder/build.ts'
import { failure } from '../../util/errors.ts'

/**
 * Secrets for `RUN --mount=type=secret`, which the classic endpoint of Docker has no way to give: the header
 * `X-Mille-Build-Secrets` is base64 of a JSON object, its values base64 again. INVALID_ARGUMENT, which quotes nothing.
 */
export function buildSecrets(headers: IncomingHttpHeaders): SecretSource[] {
  const text = headers['x-mille-build-secrets']
  if (typeof text !== 'string' || text === '') return []
  let secrets: unknown
  try {
    secrets = JSON.parse(Buffer.from(text, 'base64').toString())
  } catch {
    throw invalid()
  }
  if (typeof secrets !== 'object' || secrets === null || Array.isArray(secrets)) throw invalid()
  return Object.entries(secrets).map(([id, value]) => {
    if (typeof value !== 'string') throw invalid()
    return { id, read: () => Promise.resolve(Buffer.from(value, 'base64')) }
  })
}

function invalid(): Error {
  return failure('INVALID_ARGUMENT', { reason: 'invalid X-Mille-Build-Secrets header' })
}
