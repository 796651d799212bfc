import type { AttestationRequest, ProvenanceRequest } from '../../builder/attest/attestation.ts'
import { failure } from '../../util/errors.ts'
import { type Flag, type FlagValues, list, text } from '../flags/flag.ts'
import { parseAttributes } from '../input/parse-attributes.ts'

/** The table of `attestationFlags`. */
export type AttestationFlags = {
  readonly attest: Flag<readonly string[]>
  readonly provenance: Flag<string | undefined>
  readonly sbom: Flag<string | undefined>
}

/** The flags of `build` that say what is to be stated about its images. */
export const attestationFlags: AttestationFlags = {
  attest: list('Attestation parameters (format: "type=sbom")'),
  provenance: text('Shorthand for "--attest=type=provenance"'),
  sbom: text('Shorthand for "--attest=type=sbom"'),
}

const refuse = (reason: string): Error => failure('CLI_FAILED', { reason })

/** What `--attest`, `--provenance` and `--sbom` ask for (B88, B89); the last word on a type counts. CLI_FAILED. */
export function attestationRequest(flags: FlagValues<AttestationFlags>): AttestationRequest | undefined {
  let request: Parsed = {}
  const shorthand = (type: string, value: string | undefined): readonly string[] =>
    value === undefined
      ? []
      : [`type=${type},${/^(true|false)$/.test(value) ? `disabled=${value !== 'true'}` : value}`]
  for (const text of [
    ...flags.attest,
    ...shorthand('provenance', flags.provenance),
    ...shorthand('sbom', flags.sbom),
  ]) {
    request = { ...request, ...parseAttestation(text) }
  }
  const { provenance, sbom = false } = request
  if (provenance === undefined && !sbom) return undefined
  return { sbom, ...(provenance !== undefined && { provenance }) }
}

type Parsed = { readonly provenance?: ProvenanceRequest | undefined; readonly sbom?: boolean }

function parseAttestation(text: string): Parsed {
  const attributes = parseAttributes(text)
  const type = attributes.get('type')
  const isDisabled = truth(attributes.get('disabled'), attributes.has('disabled'))
  attributes.delete('type')
  attributes.delete('disabled')
  if (type === 'sbom') {
    refuseOthers(attributes, type, ['generator'])
    if (attributes.has('generator') && !isDisabled) {
      throw refuse('an SBOM is made by mille itself, which reads the packages: leave out generator')
    }
    return { sbom: !isDisabled }
  }
  if (type !== 'provenance')
    throw refuse(`unknown attestation type "${type ?? ''}" in "${text}": there are provenance, sbom`)
  refuseOthers(attributes, type, ['mode', 'builder-id', 'reproducible', 'version', 'inline-only'])
  return parseProvenance(attributes, isDisabled)
}

function parseProvenance(attributes: ReadonlyMap<string, string | undefined>, isDisabled: boolean): Parsed {
  if (isDisabled) return { provenance: undefined }
  const mode = attributes.get('mode') ?? 'min'
  if (mode !== 'min' && mode !== 'max') throw refuse(`invalid provenance mode "${mode}": there are min, max`)
  const version = attributes.get('version') ?? 'v1'
  if (version !== 'v1') throw refuse(`provenance of SLSA ${version} is not made: only of v1`)
  const builderId = attributes.get('builder-id')
  return {
    provenance: {
      mode,
      reproducible: truth(attributes.get('reproducible'), attributes.has('reproducible')),
      ...(builderId !== undefined && { builderId }),
    },
  }
}

function truth(value: string | undefined, isGiven: boolean): boolean {
  if (!isGiven) return false
  const text = value ?? 'true'
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw refuse(`"${text}" is neither true nor false`)
}

function refuseOthers(
  attributes: ReadonlyMap<string, string | undefined>,
  type: string,
  known: readonly string[],
): void {
  const other = [...attributes.keys()].find((key) => !known.includes(key))
  if (other === undefined) return
  throw refuse(`unknown attribute "${other}" of attestation type ${type}: there are ${known.join(', ')}`)
}
