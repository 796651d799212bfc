import { arch } from 'node:process'
import { failure } from '../util/errors.ts'
import type { Descriptor } from './descriptor.ts'
import type { Index } from './manifest.ts'

/** Source: OCI image-spec 1.1, image-index.md, "platform". */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

const part = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/
const operatingSystems: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows'.split(
    ' ',
  ),
)
const architectures: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
)

/** Other names of an architecture, with the variant they imply. */
const aliases: ReadonlyMap<string, readonly [string, string?]> = new Map([
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['i386', ['386']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
])

/** Node's names of architectures in the words of the specification. */
const nodeArchitectures: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
  ['ppc64', 'ppc64le'],
])

/** `linux` on this machine's processor: what mille runs. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: nodeArchitectures.get(arch) ?? arch })
}

/**
 * Reads `os/architecture[/variant]`, `architecture` or `os`; the parts left out are this machine's.
 * Throws PLATFORM_INVALID.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/')
  if (parts.length > 3 || !parts.every((word) => part.test(word))) throw invalid(text)
  const [first = '', second, variant] = parts
  if (second !== undefined) {
    return normalizePlatform({ os: first, architecture: second, ...(variant !== undefined && { variant }) })
  }
  const word = first.toLowerCase()
  if (operatingSystems.has(word)) return { ...hostPlatform(), os: word }
  const single = normalizePlatform({ os: 'linux', architecture: word })
  if (!architectures.has(single.architecture)) throw invalid(text)
  return single
}

/** `linux/arm64`, `linux/arm/v7`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

/** One spelling for each platform: `aarch64` is `arm64`, `arm64/v8` is `arm64`, `amd64/v1` is `amd64`, `arm` is `arm/v7`. */
function normalizePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform
  const lower = platform.architecture.toLowerCase()
  const [architecture, implied] = aliases.get(lower) ?? [lower]
  const variant = given
    ? given.toLowerCase().replace(/^(?=\d)/, 'v')
    : (implied ?? (architecture === 'arm' ? 'v7' : ''))
  const redundant =
    (architecture === 'arm64' && variant === 'v8') || (architecture === 'amd64' && variant === 'v1')
  const os = platform.os.toLowerCase()
  return { ...rest, os, architecture, ...(variant && !redundant && { variant }) }
}

/** Can a machine of platform `wanted` run an image of platform `offered`? Older variants run on newer processors. */
export function matchPlatform(wanted: Platform, offered: Platform): boolean {
  return rank(wanted, offered) !== undefined
}

/**
 * The entry of `index` for `wanted`: the exact variant, else the newest older one, the first of equals. Entries for
 * `unknown/unknown` (attestations) are no images. Throws PLATFORM_NOT_FOUND, naming what there is.
 */
export function choosePlatform(index: Index, wanted: Platform): Descriptor {
  const images = index.manifests.filter(({ platform }) => platform?.os !== 'unknown')
  const ranked = images.flatMap((descriptor) => {
    const value = descriptor.platform && rank(wanted, descriptor.platform)
    return value === undefined ? [] : [{ descriptor, value }]
  })
  const best = ranked.sort((a, b) => b.value - a.value)[0]?.descriptor
  if (best) return best
  // an index around one manifest that does not say what it is for: there is nothing to confuse it with
  const only = images.length === 1 ? images[0] : undefined
  if (only && !only.platform) return only
  const offered = images.map(({ platform }) => (platform ? formatPlatform(platform) : 'an unnamed platform'))
  const shown = [...new Set(offered)].slice(0, 20)
  throw failure('PLATFORM_NOT_FOUND', {
    platform: formatPlatform(normalizePlatform(wanted)),
    offered: shown.length === 0 ? 'none' : shown.join(', '),
  })
}

/** How well `offered` suits `wanted`, higher is better; undefined when it does not run at all. */
function rank(wanted: Platform, offered: Platform): number | undefined {
  const want = normalizePlatform(wanted)
  const have = normalizePlatform(offered)
  if (want.os !== have.os) return undefined
  if (want.architecture === have.architecture) {
    const level = variantLevel(have)
    if (want.variant === have.variant) return 1000
    return level !== undefined && level <= (variantLevel(want) ?? -1) ? level : undefined
  }
  return undefined
}

function variantLevel({ architecture, variant }: Platform): number | undefined {
  const implied = architecture === 'arm64' ? 'v8' : 'v1'
  const level = /^v(\d+)/.exec(variant ?? implied)?.[1]
  return level === undefined ? undefined : Number(level)
}

function invalid(text: string): Error {
  return failure('PLATFORM_INVALID', { text: text.slice(0, 100) })
}
