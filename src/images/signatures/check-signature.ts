import { verify } from 'node:crypto'
import type { Digest } from '../../oci/digest.ts'
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts'
import { longestPrefix } from '../../registry/config/registry-rules.ts'
import type { Repository } from '../../registry/repository.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { parseStrictJson } from '../../util/strict-json.ts'
import { cosignSignatures } from './cosign-signatures.ts'
import { ruleFor, type SignaturePolicy, type SignatureRule, type TrustedKey } from './policy.ts'

/** What `pull` asks before it takes anything of an image. SIGNATURE_REFUSED. */
export type CheckSignature = (
  repository: Repository,
  reference: Reference,
  digest: Digest,
  options: OpOptions,
) => Promise<void>

/**
 * Is the document `digest`, which `reference` leads to, signed as the policy wants it? A signature counts when one of the
 * rule's keys made it, over a payload that names this very digest and this repository. Throws SIGNATURE_REFUSED with what
 * was found instead. No service is asked: the keys are what is trusted.
 */
export async function checkSignature(
  policy: SignaturePolicy,
  repository: Repository,
  reference: Reference,
  digest: Digest,
  options: OpOptions = {},
): Promise<void> {
  const rule = ruleFor(policy, reference)
  if (rule === 'accept') return
  const refuse = (reason: string): Error => {
    const { registry, repository: path } = reference
    const name = formatReference({ registry, repository: path, digest })
    return failure('SIGNATURE_REFUSED', { name, path: policy.path, reason })
  }
  if (rule === 'reject') throw refuse('its prefix is rejected')
  const reasons = new Map<string, number>()
  for await (const { payload, signature } of cosignSignatures(repository, digest, options)) {
    const reason = signedBy(rule.signedBy, payload, signature)
      ? payloadProblem(payload, reference, digest, rule)
      : 'made with another key'
    if (reason === undefined) return
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  const keys = rule.signedBy.map(({ path }) => path).join(', ')
  const found = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ')
  throw refuse(
    reasons.size === 0
      ? `it has no signature, and one by ${keys} is wanted`
      : `none of its signatures is one by ${keys} for this image: ${found}`,
  )
}

function signedBy(keys: readonly TrustedKey[], payload: Buffer, signature: Buffer): boolean {
  // in DER, as cosign writes it; whatever is none is not verified
  return keys.some(({ key }) => verify('sha256', payload, key, signature))
}

/** Undefined when it says what it has to. Source: containers/image, docs/containers-signature.5.md, "simple signing". */
function payloadProblem(
  payload: Buffer,
  reference: Reference,
  digest: Digest,
  rule: Exclude<SignatureRule, string>,
): string | undefined {
  let critical:
    | { readonly type?: unknown; readonly image?: unknown; readonly identity?: unknown }
    | null
    | undefined
  try {
    critical = (
      parseStrictJson(payload, { maxBytes: payload.length }) as { readonly critical?: typeof critical } | null
    )?.critical
  } catch (error) {
    if (!isMilleError(error)) throw error
    return 'with a payload that is no JSON'
  }
  if (critical?.type !== 'cosign container image signature') return 'of another kind'
  const image = critical.image as { readonly 'docker-manifest-digest'?: unknown } | null | undefined
  if (image?.['docker-manifest-digest'] !== digest) return 'for another digest'
  const identity = critical.identity as { readonly 'docker-reference'?: unknown } | null | undefined
  return isSameName(identity?.['docker-reference'], reference, rule.signedAs)
    ? undefined
    : 'for another repository'
}

function isSameName(
  signed: unknown,
  { registry, repository }: Reference,
  signedAs: string | undefined,
): boolean {
  if (typeof signed !== 'string') return false
  let name: Reference
  try {
    name = parseReference(signed)
  } catch (error) {
    if (isMilleError(error)) return false
    throw error
  }
  if (signedAs !== undefined) return longestPrefix([signedAs], name) !== undefined
  return name.registry === registry && name.repository === repository
}
