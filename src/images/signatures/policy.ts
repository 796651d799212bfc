import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { Reference } from '../../oci/reference.ts'
import { isPrefix, longestPrefix } from '../../registry/config/registry-rules.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import { suggest } from '../../util/suggest.ts'

const maxBytes = 1024 * 1024

export interface TrustedKey {
  /** Where it was read from, for messages. */
  readonly path: string
  readonly key: KeyObject
}

export type SignatureRule =
  | 'accept'
  | 'reject'
  | {
      /** One of them has to have signed. */
      readonly signedBy: readonly TrustedKey[]
      /** The name that was signed lies below this one; default: it is the name that is asked for. */
      readonly signedAs?: string
    }

/** What has to be signed, by prefix of its name. */
export interface SignaturePolicy {
  readonly path: string
  readonly standard: SignatureRule
  readonly prefixes: ReadonlyMap<string, SignatureRule>
}

/**
 * The policy in the first of these files that is there; undefined when none is. SIGNATURE_POLICY_INVALID for anything that
 * is not understood: a policy that does not say what its writer meant must not let everything through (C-W10).
 */
export async function readSignaturePolicy(paths: readonly string[]): Promise<SignaturePolicy | undefined> {
  for (const path of paths) {
    const bytes = await readFile(path).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw failure('SIGNATURE_POLICY_INVALID', { path, reason: messageOf(error) }, { cause: error })
    })
    if (bytes !== undefined) return await parseSignaturePolicy(bytes, path)
  }
  return undefined
}

export async function parseSignaturePolicy(bytes: Uint8Array, path: string): Promise<SignaturePolicy> {
  const wrong = (reason: string): Error => failure('SIGNATURE_POLICY_INVALID', { path, reason })
  let document: unknown
  try {
    document = parseStrictJson(bytes, { maxBytes })
  } catch (error) {
    throw isMilleError(error) ? wrong(error.message) : error
  }
  const top = fieldsOf(document, 'the file', ['default', 'prefixes'], wrong)
  if (top['default'] === undefined) throw wrong('it lacks "default": "accept" or "reject"')
  const standard = await readRule(top['default'], 'default', wrong)
  const prefixes = new Map<string, SignatureRule>()
  for (const [prefix, rule] of Object.entries(
    fieldsOf(top['prefixes'] ?? {}, 'prefixes', undefined, wrong),
  )) {
    if (!isPrefix(prefix))
      throw wrong(`"${prefix.slice(0, 300)}" is no prefix: need host[:port][/path], *.domain or *`)
    prefixes.set(prefix, await readRule(rule, prefix, wrong))
  }
  return { path, standard, prefixes }
}

/** The rule of the longest prefix that fits. */
export function ruleFor(
  policy: SignaturePolicy,
  reference: Pick<Reference, 'registry' | 'repository'>,
): SignatureRule {
  const prefix = longestPrefix([...policy.prefixes.keys()], reference)
  return (prefix === undefined ? undefined : policy.prefixes.get(prefix)) ?? policy.standard
}

type Wrong = (reason: string) => Error

async function readRule(value: unknown, what: string, wrong: Wrong): Promise<SignatureRule> {
  if (value === 'accept' || value === 'reject') return value
  if (typeof value === 'string') throw wrong(`${what}: need "accept", "reject" or {"signedBy": [FILE, ...]}`)
  const { signedBy, signedAs } = fieldsOf(value, what, ['signedBy', 'signedAs'], wrong)
  if (!Array.isArray(signedBy) || signedBy.length === 0) throw wrong(`signedBy of ${what} names no key`)
  if (
    signedAs !== undefined &&
    (typeof signedAs !== 'string' || !isPrefix(signedAs) || signedAs.includes('*'))
  ) {
    throw wrong(`signedAs of ${what} is no name: need host[:port][/path]`)
  }
  const keys: TrustedKey[] = []
  for (const path of signedBy as readonly unknown[]) {
    if (typeof path !== 'string' || !isAbsolute(path))
      throw wrong(`signedBy of ${what}: need absolute paths of keys`)
    keys.push({ path, key: await readKey(path, wrong) })
  }
  return { signedBy: keys, ...(signedAs !== undefined && { signedAs }) }
}

/** As `cosign generate-key-pair` writes it. Others would be verified in other ways, and are refused instead. */
async function readKey(path: string, wrong: Wrong): Promise<KeyObject> {
  let key: KeyObject
  try {
    const pem = await readFile(path, 'utf8')
    // a private key would be taken too, and its public half made of it
    if (pem.includes('PRIVATE KEY')) throw new Error('it holds a private key')
    key = createPublicKey(pem)
  } catch (error) {
    throw wrong(`key ${path}: ${messageOf(error)}`)
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw wrong(`key ${path}: need an ECDSA key on P-256`)
  }
  return key
}

function fieldsOf(
  value: unknown,
  what: string,
  known: readonly string[] | undefined,
  wrong: Wrong,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} is no object`)
  for (const key of Object.keys(value)) {
    if (known === undefined || known.includes(key)) continue
    const near = suggest(key, known)
    const hint = near === undefined ? '' : `: did you mean "${near}"?`
    throw wrong(`unknown key "${key.slice(0, 100)}" in ${what}${hint}`)
  }
  return value as Readonly<Record<string, unknown>>
}
