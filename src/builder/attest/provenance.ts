import type { Dockerfile } from '../../dockerfile/ast.ts'
import { unsetText } from '../../dockerfile/unset.ts'
import { digestHex, type Digest } from '../../oci/digest.ts'
import { formatPlatform, hostPlatform } from '../../oci/platform.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import type { BuildRequest } from '../build.ts'
import { looksSecret } from '../cache/step-key.ts'
import type { PlatformPlan } from '../platform-plans.ts'
import type { BuildStep, StepId } from '../plan/step.ts'
import { inputsOf } from '../plan/step.ts'
import type { StepResult } from '../session.ts'
import type { Predicate, ProvenanceRequest } from './attestation.ts'
import { imageUrl } from './image-url.ts'
import type { VersionControl } from './version-control.ts'

export interface ProvenanceFacts {
  readonly request: BuildRequest
  readonly dockerfile: Dockerfile
  readonly plan: PlatformPlan
  readonly results: ReadonlyMap<StepId, StepResult>
  readonly versionControl?: VersionControl
  /** Milliseconds since the epoch, only where the user wants true times (`--timestamps preserve`). */
  readonly times?: { readonly started: number; readonly finished: number; readonly invocation: string }
}

interface Dependency {
  readonly uri: string
  readonly digest?: Readonly<Record<string, string>>
}

const buildType = 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md'

/**
 * How an image came about, as SLSA v1 in BuildKit's terms. Nothing in it depends on when or where the build ran, unless
 * true times were asked for; no secret's value is in it, nor that of an argument whose name speaks of one (C-B9).
 * Source: slsa.dev, "Provenance v1"; BuildKit, "SLSA definitions".
 */
export function provenanceOf(
  facts: ProvenanceFacts,
  { mode, builderId = '', reproducible = false }: ProvenanceRequest,
): Predicate {
  const { request, plan, versionControl, times } = facts
  const isMax = mode === 'max'
  const metadata = {
    ...(versionControl !== undefined && { vcs: versionControl }),
    ...(isMax && { source: sourceOf(facts.dockerfile, request) }),
  }
  const predicate = {
    buildDefinition: {
      buildType,
      externalParameters: {
        configSource: { path: facts.dockerfile.fileName },
        request: requestOf(request, isMax),
      },
      internalParameters: {
        builderPlatform: formatPlatform(hostPlatform()),
        ...(isMax && { buildConfig: { steps: stepsOf(facts) } }),
      },
      resolvedDependencies: dependenciesOf(plan.plan.steps),
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        ...(times !== undefined && {
          invocationID: times.invocation,
          startedOn: new Date(times.started).toISOString(),
          finishedOn: new Date(times.finished).toISOString(),
        }),
        ...(Object.keys(metadata).length > 0 && { buildkit_metadata: metadata }),
        buildkit_hermetic: isHermetic(plan.plan.steps),
        buildkit_completeness: {
          request: isMax && !hidesValues(request),
          resolvedDependencies: request.context.kind === 'empty',
        },
        buildkit_reproducible: reproducible,
      },
    },
  }
  return {
    predicateType: 'https://slsa.dev/provenance/v1',
    fileName: 'provenance.json',
    predicate: withoutSecrets(predicate, request),
  }
}

/** What an argument of a secret's name was given may have found its way into other texts. */
function withoutSecrets(predicate: object, { buildArgs }: BuildRequest): object {
  const text = secretsOf(buildArgs).reduce(
    (text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), hidden),
    JSON.stringify(predicate),
  )
  return JSON.parse(text) as object
}

function secretsOf(buildArgs: BuildRequest['buildArgs']): string[] {
  return Object.entries(buildArgs).flatMap(([name, value]) =>
    value !== undefined && value.length >= shortestSecret && looksSecret(name) ? [value] : [],
  )
}

const hidden = '(hidden)'
/** A shorter value is found by chance in other texts. */
const shortestSecret = 6

function hidesValues({ buildArgs, labels }: BuildRequest): boolean {
  return [...Object.keys(buildArgs), ...Object.keys(labels)].some(looksSecret)
}

function requestOf(request: BuildRequest, isMax: boolean): object {
  const { target, labels, buildArgs, unset = [], secrets = [], ssh = [] } = request
  const args = isMax
    ? {
        ...Object.fromEntries(
          Object.entries(buildArgs).flatMap(([name, value]) =>
            value === undefined ? [] : [[`build-arg:${name}`, shownValue(name, value)]],
          ),
        ),
        ...Object.fromEntries(
          Object.entries(labels).map(([name, value]) => [`label:${name}`, shownValue(name, value)]),
        ),
        ...(unset.length > 0 && { unset: unset.map(unsetText).join(' ') }),
      }
    : {}
  const all = sorted({ ...args, ...(target !== undefined && { target }) })
  return {
    frontend: 'dockerfile.v0',
    ...(Object.keys(all).length > 0 && { args: all }),
    ...(isMax && secrets.length > 0 && { secrets: secrets.map(({ id }) => ({ id })) }),
    ...(isMax && ssh.length > 0 && { ssh: ssh.map(({ id }) => ({ id })) }),
    locals: [{ name: 'context' }, { name: 'dockerfile' }],
  }
}

const shownValue = (name: string, value: string): string =>
  looksSecret(name) ? hidden : hidePasswords(value)

function sorted(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Base images, and what ADD fetched under a checksum. */
function dependenciesOf(steps: readonly BuildStep[]): Dependency[] {
  const found = new Map<string, Dependency>()
  for (const { op, platform } of steps) {
    if (op.kind === 'from') {
      const uri = imageUrl(op.base.name, platform)
      found.set(uri, { uri, ...(op.base.digest !== undefined && { digest: digestOf(op.base.digest) }) })
    }
    if (op.kind !== 'add') continue
    for (const url of op.urls) {
      const uri = hidePasswords(url)
      const digest = /^sha256:([0-9a-f]{64})$/.exec(op.checksum ?? '')?.[1]
      found.set(uri, { uri, ...(digest !== undefined && { digest: { sha256: digest } }) })
    }
  }
  return [...found.values()].toSorted((a, b) => (a.uri < b.uri ? -1 : 1))
}

const digestOf = (digest: Digest): Dependency['digest'] & object => ({ sha256: digestHex(digest) })

function isHermetic(steps: readonly BuildStep[]): boolean {
  return steps.every(({ op }) => op.kind !== 'run' || op.network === 'none')
}

/** What was done, in terms that do not change when a step was cached. */
function stepsOf({ plan, results }: ProvenanceFacts): object[] {
  return plan.plan.steps.map((step) => {
    const { id, name, stage, platform, range } = step
    const layer = results.get(id)?.added
    return {
      id,
      name: hidePasswords(name),
      stage,
      platform: formatPlatform(platform),
      line: range.start.line,
      inputs: inputsOf(step),
      ...(layer !== undefined && { layer }),
    }
  })
}

function sourceOf({ fileName, source }: Dockerfile, { buildArgs }: BuildRequest): object {
  const text = secretsOf(buildArgs).reduce(
    (text, secret) => text.replaceAll(secret, hidden),
    hidePasswords(source),
  )
  return {
    infos: [{ filename: fileName, language: 'Dockerfile', data: Buffer.from(text).toString('base64') }],
  }
}
