import { release } from 'node:os'
import { failure } from '../../util/errors.ts'

export interface SeccompArgument {
  readonly index: number
  readonly op: string
  readonly value: number
  readonly valueTwo?: number
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly SeccompArgument[]
  /** All must hold. */
  readonly includes?: SeccompCondition
  /** None may. */
  readonly excludes?: SeccompCondition
}

interface SeccompCondition {
  readonly caps?: readonly string[]
  /** Go's names: amd64, arm64. */
  readonly arches?: readonly string[]
  /** `4.8` */
  readonly minKernel?: string
}

/** Docker's form of a profile, for `--security-opt seccomp=FILE`. Source: docs.docker.com/engine/security/seccomp. */
export interface SeccompProfile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly archMap?: readonly {
    readonly architecture: string
    readonly subArchitectures?: readonly string[] | null
  }[]
  readonly syscalls?: readonly SeccompRule[] | null
}

/** `linux.seccomp` of the OCI runtime specification (config-linux.md). */
export interface SeccompFilter {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly Omit<SeccompRule, 'includes' | 'excludes'>[]
}

const architectures: Readonly<Record<string, { readonly go: string; readonly seccomp: string }>> = {
  x64: { go: 'amd64', seccomp: 'SCMP_ARCH_X86_64' },
  arm64: { go: 'arm64', seccomp: 'SCMP_ARCH_AARCH64' },
}

/** What of a profile counts for a process with these capabilities on this machine. */
export function resolveProfile(profile: SeccompProfile, caps: readonly string[]): SeccompFilter {
  const own = architectures[process.arch]
  const mapped = profile.archMap?.find(({ architecture }) => architecture === own?.seccomp)
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures:
      mapped === undefined
        ? (profile.architectures ?? [])
        : [mapped.architecture, ...(mapped.subArchitectures ?? [])],
    syscalls: (profile.syscalls ?? [])
      .filter((rule) => counts(rule, caps, own?.go ?? process.arch))
      .map(({ includes: _includes, excludes: _excludes, ...rule }) => rule),
  }
}

function counts(
  { includes = {}, excludes = {} }: SeccompRule,
  caps: readonly string[],
  arch: string,
): boolean {
  const isIncluded =
    (includes.caps ?? []).every((cap) => caps.includes(cap)) &&
    (!includes.arches?.length || includes.arches.includes(arch)) &&
    (includes.minKernel === undefined || isKernel(includes.minKernel))
  const isExcluded =
    (excludes.caps ?? []).some((cap) => caps.includes(cap)) ||
    (excludes.arches ?? []).includes(arch) ||
    (excludes.minKernel !== undefined && isKernel(excludes.minKernel))
  return isIncluded && !isExcluded
}

/** Is this kernel the given one or newer? */
function isKernel(least: string): boolean {
  const [major = 0, minor = 0] = least.split('.').map(Number)
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/** SECCOMP_PROFILE_INVALID: no JSON, or not of this form. A rule of the older form, `name` instead of `names`, is one. */
export function parseProfile(text: string): SeccompProfile {
  const invalid = (reason: string): Error => failure('SECCOMP_PROFILE_INVALID', { reason })
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error))
  }
  if (!isObject(document)) throw invalid('it is no object')
  const { defaultAction, syscalls = [] } = document
  if (!isAction(defaultAction)) throw invalid('defaultAction must be a SCMP_ACT_ value')
  if (!Array.isArray(syscalls)) throw invalid('syscalls must be a list')
  const rules = syscalls.map((rule: unknown, index) => {
    if (!isObject(rule) || !isAction(rule['action'])) throw invalid(`syscalls[${index}]: action is missing`)
    const names = rule['names'] ?? (typeof rule['name'] === 'string' ? [rule['name']] : undefined)
    if (!Array.isArray(names) || names.some((name) => typeof name !== 'string'))
      throw invalid(`syscalls[${index}]: names must be a list of names`)
    const { name: _name, comment: _comment, ...rest } = rule
    return { ...rest, names, args: rest['args'] ?? [] } as unknown as SeccompRule
  })
  return { ...(document as unknown as SeccompProfile), syscalls: rules }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isAction(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('SCMP_ACT_')
}
