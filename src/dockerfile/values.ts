import { constants } from 'node:os'
import { isMilleError } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import { excludeRules } from './ignore.ts'

/** A value that a check refused: why, the likely word, and which part of the text is to blame. */
export interface Fault {
  readonly reason: string
  readonly suggestion?: string
  readonly offset?: number
  readonly length?: number
}

/** `80`, `80/udp`, `8000-8010`: as `exposed` ports the way image configs name them (`80/tcp`). */
export interface PortRange {
  readonly first: number
  readonly last: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
}

/** An EXPOSE word after expansion. A host part (`8080:80`, `127.0.0.1:80:80`) is dropped, as BuildKit does. */
export function parsePorts(text: string): PortRange | Fault {
  const [ports = '', protocol = 'tcp', more] = text.slice(text.lastIndexOf(':') + 1).split('/')
  const lower = protocol.toLowerCase()
  if (more !== undefined || (lower !== 'tcp' && lower !== 'udp' && lower !== 'sctp')) {
    const near = suggest(lower, ['tcp', 'udp', 'sctp'])
    const reason = `invalid protocol "${protocol}": must be tcp, udp or sctp`
    return near === undefined || near === lower ? { reason } : { reason, suggestion: near }
  }
  const match = /^(\d+)(?:-(\d+))?$/.exec(ports)
  if (match === null) return { reason: `invalid port "${ports}": must be a number or a range first-last` }
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  if (first < 1 || last < 1 || first > 65_535 || last > 65_535) {
    return { reason: `port ${ports} is out of range: must be 1 to 65535` }
  }
  if (first > last) return { reason: `invalid port range ${ports}: the first port is above the last` }
  return { first, last, protocol: lower }
}

const unitNanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** A Go duration (`1m30s`, `500ms`, `0`) in nanoseconds. */
export function parseDuration(text: string): number | Fault {
  if (text.startsWith('-')) return { reason: `invalid duration "${text}": must not be negative` }
  if (/^\+?0$/.test(text)) return 0
  if (/^\+?\d+(\.\d+)?$/.test(text))
    return { reason: `invalid duration "${text}": needs a unit, like ${text}s` }
  if (!/^\+?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    return { reason: `invalid duration "${text}": write it like 1m30s` }
  }
  const parts = [...text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)]
  const total = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitNanoseconds[unit ?? ''] ?? 0),
    0,
  )
  if (total > Number.MAX_SAFE_INTEGER) return { reason: `duration "${text}" is too long` }
  if (total > 0 && total < 1e6) return { reason: `duration "${text}" is too short: at least 1ms` }
  return Math.round(total)
}

/** Without SIG, which all of them have in common. */
const signalNames = Object.keys(constants.signals).map((name) => name.slice(3))

/** A signal as `STOPSIGNAL` takes it: name with or without SIG, `RTMIN+n`, or a number. */
export function checkSignal(text: string): Fault | undefined {
  if (/^\d+$/.test(text)) {
    return Number(text) >= 1 && Number(text) <= 64
      ? undefined
      : { reason: `signal ${text} is out of range: 1 to 64` }
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  if (signalNames.includes(name) || /^RTM(IN(\+\d\d?)?|AX(-\d\d?)?)$/.test(name)) return undefined
  const near = suggest(name, signalNames)
  return { reason: `unknown signal "${text}"`, ...(near === undefined ? {} : { suggestion: `SIG${near}` }) }
}

/** `--chmod`: octal up to 07777, or symbolic (`u=rwX,go=rX`). */
export function checkMode(text: string): Fault | undefined {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return undefined
  if (/^[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*$/.test(text)) return undefined
  return { reason: `invalid mode "${text}": must be octal, 0 to 07777, or like u=rwX,go=rX` }
}

/** `--chown`: user, user:group or :group, each a name or a number. */
export function checkOwner(text: string): Fault | undefined {
  const parts = text.split(':')
  const isPart = (part: string): boolean => /^[^\s/:]+$/.test(part)
  if (
    parts.length <= 2 &&
    parts.every((part, at) => isPart(part) || (part === '' && at === 0 && parts.length === 2))
  ) {
    const tooLarge = parts.find((part) => /^\d+$/.test(part) && Number(part) > 0xffff_fffe)
    return tooLarge === undefined ? undefined : { reason: `id ${tooLarge} is out of range: 0 to 4294967294` }
  }
  return { reason: `invalid owner "${text}": must be user or user:group` }
}

/** A pattern of `--exclude`; an empty one excludes nothing. */
export function checkPattern(text: string): Fault | undefined {
  try {
    excludeRules([text])
    return undefined
  } catch (error) {
    if (!isMilleError(error)) throw error
    return { reason: `invalid pattern "${text}": ${String(error.details['reason'])}` }
  }
}

const checksumLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }

/** `ADD --checksum`: algorithm and lower-case hex, as in a digest. */
export function checkChecksum(text: string): Fault | undefined {
  const [algorithm = '', hex = ''] = text.split(':', 2)
  const length = Object.hasOwn(checksumLengths, algorithm) ? checksumLengths[algorithm] : undefined
  if (!text.includes(':') || length === undefined) {
    return { reason: `invalid checksum "${text}": must begin with sha256:, sha384: or sha512:` }
  }
  if (hex.length === length && /^[0-9a-f]+$/.test(hex)) return undefined
  return {
    reason: `invalid checksum: ${algorithm} needs ${length} lower-case hex digits, found ${hex.length} characters`,
  }
}

export const systems: readonly string[] = [
  'linux',
  'windows',
  'darwin',
  'freebsd',
  'netbsd',
  'openbsd',
  'wasip1',
  'js',
  'android',
  'ios',
]
export const architectures: readonly string[] =
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm x86_64 x86-64 aarch64 armhf armel i386 i686'.split(
    ' ',
  )

/** A constant platform: `linux/amd64`, `linux/arm/v7`, `amd64`, `linux`. */
export function checkPlatform(text: string): Fault | undefined {
  const parts = text
    .replace(/\([^()]*\)/, '')
    .toLowerCase()
    .split('/')
  const [system = '', architecture, variant, ...more] = parts
  const bad = (suggestion?: string): Fault => ({
    reason: `unknown platform "${text}"`,
    ...(suggestion === undefined ? {} : { suggestion }),
  })
  if (more.length > 0 || parts.includes('')) return bad()
  if (architecture === undefined) {
    return systems.includes(system) || architectures.includes(system)
      ? undefined
      : bad(suggest(system, [...systems, ...architectures]))
  }
  const isSystem = systems.includes(system)
  const isArchitecture = architectures.includes(architecture)
  if (!isSystem || !isArchitecture) {
    const nearSystem = isSystem ? system : suggest(system, systems)
    const nearArchitecture = isArchitecture ? architecture : suggest(architecture, architectures)
    const isNear = nearSystem !== undefined && nearArchitecture !== undefined
    return bad(isNear ? [nearSystem, nearArchitecture, ...(variant ? [variant] : [])].join('/') : undefined)
  }
  return variant === undefined || /^v\d+(\.\d+)?$/.test(variant) ? undefined : bad()
}

/** An image reference as FROM and `--from` take it; only its form, nothing is looked up. */
export function checkReference(text: string): Fault | undefined {
  const at = text.indexOf('@')
  const name = at < 0 ? text : text.slice(0, at)
  const fault = (reason: string, offset: number, length: number): Fault => ({
    reason: `invalid reference "${text}": ${reason}`,
    offset,
    length: Math.max(1, length),
  })
  const colon = name.lastIndexOf(':')
  const hasTag = colon > name.lastIndexOf('/')
  const repository = hasTag ? name.slice(0, colon) : name
  const tag = hasTag ? name.slice(colon + 1) : undefined
  if (repository === '') return fault('the name is empty', 0, text.length)
  const slash = repository.indexOf('/')
  const domain = repository.slice(0, Math.max(0, slash))
  const path = isRegistry(domain) ? repository.slice(slash + 1) : repository
  const upper = /[A-Z]/.exec(path)
  const pathAt = repository.length - path.length
  if (upper !== null) return fault('the name must be lower case', pathAt, path.length)
  if (!/^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(path)) {
    return fault('the name may have a-z, 0-9 and single . _ - / between them', pathAt, path.length)
  }
  if (repository.length > 255) return fault('the name is longer than 255 characters', 0, repository.length)
  if (tag === '') return fault('the tag is empty', colon, 1)
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) {
    return fault('a tag has up to 128 of a-z A-Z 0-9 _ . -', colon + 1, tag.length)
  }
  return at < 0 ? undefined : checkDigest(text, at, fault)
}

function checkDigest(
  text: string,
  at: number,
  fault: (reason: string, offset: number, length: number) => Fault,
): Fault | undefined {
  const digest = text.slice(at + 1)
  const [algorithm = '', hex = ''] = digest.split(':', 2)
  const length = Object.hasOwn(checksumLengths, algorithm) ? checksumLengths[algorithm] : undefined
  if (length === undefined) return fault('a digest begins with sha256:', at + 1, digest.length)
  if (hex.length === length && /^[0-9a-f]+$/.test(hex)) return undefined
  return fault(`the digest needs ${length} hex digits`, at + 1, digest.length)
}

function isRegistry(domain: string): boolean {
  return domain === 'localhost' || /[.:]/.test(domain) || /[A-Z]/.test(domain)
}
