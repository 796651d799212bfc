import { parsePlatform, type Platform } from '../../oci/platform.ts'
import { failure } from '../../util/errors.ts'
import { readFields } from './wire-fields.ts'

const fields = { os: 'text', architecture: 'text', variant: 'text' } as const

/** `linux/arm64`, or since API 1.48 as JSON; `{}` for nothing, to be spread. PLATFORM_INVALID, JSON_INVALID. */
export function platformWish(text: string): { readonly platform?: Platform } {
  if (text === '') return {}
  if (!text.startsWith('{')) return { platform: parsePlatform(text) }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw failure('JSON_INVALID', { reason: 'platform' }, { cause })
  }
  const { os = 'linux', architecture, variant } = readFields(value, fields)
  return { platform: parsePlatform([os, architecture, variant].filter(Boolean).join('/')) }
}
