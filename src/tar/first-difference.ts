import { encodeBytes } from '../util/byte-string.ts'
import { firstByteDifference, type ByteDifference, type Excerpt } from './byte-difference.ts'
import type { TarEntry } from './entry.ts'
import { readTar, type TarMember } from './read-tar.ts'

/** What of an entry differs. */
export type TarPart =
  | 'content'
  /** It has another name in the other tar, at the same place. */
  | 'name'
  /** Only one of the tars has it. */
  | 'presence'
  /** Both have the same entries, in another order. */
  | 'order'
  | 'type'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'mtime'
  | 'link target'
  | 'device'
  | 'xattr'
  /** The same entries, written in other bytes. */
  | 'encoding'

/** The first difference of two tars. */
export interface TarDifference {
  /** As in the tar, without a slash at its end; empty for `encoding`. */
  readonly path: string
  readonly part: TarPart
  /** Name of the extended attribute. */
  readonly attribute?: string
  /** Of the first byte that differs, in the content, name or value; of `encoding` in the tar. */
  readonly offset: number
  /** Values of fields as text; undefined where the entry or attribute is missing. */
  readonly first: Excerpt | undefined
  readonly second: Excerpt | undefined
}

type OpenTar = () => Promise<AsyncIterable<Buffer>>

/**
 * Walks two tars side by side and names what differs first, entry by entry: the fields of its header, then its bytes.
 * Undefined when they are the same bytes. Each may be opened twice. Errors: those of `readTar`.
 */
export async function firstDifference(first: OpenTar, second: OpenTar): Promise<TarDifference | undefined> {
  return (await differenceOfEntries(first, second)) ?? (await differenceOfBytes(first, second))
}

async function differenceOfBytes(first: OpenTar, second: OpenTar): Promise<TarDifference | undefined> {
  const difference = await firstByteDifference(await first(), await second())
  return difference && { path: '', part: 'encoding', ...difference }
}

async function differenceOfEntries(first: OpenTar, second: OpenTar): Promise<TarDifference | undefined> {
  const [ones, others] = [readTar(await first()), readTar(await second())]
  try {
    for (;;) {
      const [one, other] = [await nextOf(ones), await nextOf(others)]
      if (one === undefined && other === undefined) return undefined
      const names = [nameOf(one), nameOf(other)] as const
      if (names[0] !== names[1]) return await otherName(names, ones, others)
      const difference = one && other && (await differenceOfMembers(one, other))
      if (difference !== undefined) return difference
    }
  } finally {
    await ones.return(undefined)
    await others.return(undefined)
  }
}

async function nextOf(members: AsyncIterator<TarMember, void>): Promise<TarMember | undefined> {
  const { done, value } = await members.next()
  return done === true ? undefined : value
}

async function differenceOfMembers(one: TarMember, other: TarMember): Promise<TarDifference | undefined> {
  const { type } = one.entry
  const path = nameOf(one) ?? ''
  const field = differenceOfFields(one.entry, other.entry)
  if (field !== undefined) return { path, ...field }
  const content = type === 'file' ? await firstByteDifference(one.body, other.body) : undefined
  return content && { path, part: 'content', ...content }
}

type FieldDifference = Omit<TarDifference, 'path'>

/** The size is not looked at: it differs when the content does, which tells more. */
function differenceOfFields(one: TarEntry, other: TarEntry): FieldDifference | undefined {
  const fields: readonly (readonly [TarPart, (entry: TarEntry) => string])[] = [
    ['type', ({ type }) => type],
    ['mode', ({ mode }) => mode.toString(8).padStart(4, '0')],
    ['uid', ({ uid }) => String(uid)],
    ['gid', ({ gid }) => String(gid)],
    ['mtime', ({ mtime }) => timeText(mtime)],
    ['link target', ({ linkTarget = '' }) => linkTarget],
    ['device', ({ device }) => (device === undefined ? '' : `${device.major}, ${device.minor}`)],
  ]
  for (const [part, valueOf] of fields) {
    const difference = differenceOfTexts(valueOf(one), valueOf(other))
    if (difference !== undefined) return { part, ...difference }
  }
  return differenceOfXattrs(one.xattrs ?? new Map(), other.xattrs ?? new Map())
}

function differenceOfXattrs(
  one: ReadonlyMap<string, Uint8Array>,
  other: ReadonlyMap<string, Uint8Array>,
): FieldDifference | undefined {
  for (const attribute of [...new Set([...one.keys(), ...other.keys()])].sort()) {
    const difference = differenceOfValues(one.get(attribute), other.get(attribute))
    if (difference !== undefined) return { part: 'xattr', attribute, ...difference }
  }
  return undefined
}

/** Seconds since the epoch, with as many decimals as it has. */
function timeText(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? '-' : ''
  const absolute = nanoseconds < 0n ? -nanoseconds : nanoseconds
  const fraction = String(absolute % 1_000_000_000n).padStart(9, '0')
  return `${sign}${absolute / 1_000_000_000n}.${fraction}`.replace(/\.?0+$/, '')
}

function differenceOfTexts(one: string, other: string): ByteDifference | undefined {
  return one === other
    ? undefined
    : (differenceOfValues(encodeBytes(one), encodeBytes(other)) as ByteDifference)
}

type ValueDifference = Pick<TarDifference, 'offset' | 'first' | 'second'>

function differenceOfValues(
  one: Uint8Array | undefined,
  other: Uint8Array | undefined,
): ValueDifference | undefined {
  const [first, second] = [one, other].map((bytes) => bytes && { from: 0, bytes: Buffer.from(bytes) })
  if (first === undefined || second === undefined)
    return first === second ? undefined : { offset: 0, first, second }
  if (first.bytes.equals(second.bytes)) return undefined
  const at = first.bytes.findIndex((byte, index) => byte !== second.bytes[index])
  return { offset: at < 0 ? first.bytes.length : at, first, second }
}

/** Which of the two names the other tar lacks decides what happened. */
async function otherName(
  [one, other]: readonly [string | undefined, string | undefined],
  ones: AsyncIterable<TarMember>,
  others: AsyncIterable<TarMember>,
): Promise<TarDifference> {
  const isOnlyFirst = one !== undefined && !(await hasEntry(others, one))
  const isOnlySecond = other !== undefined && !(await hasEntry(ones, other))
  if (isOnlyFirst === isOnlySecond) {
    // both are new names, or both tars have both
    const part = isOnlyFirst ? 'name' : 'order'
    const difference = differenceOfTexts(one ?? '', other ?? '') as ByteDifference
    return { path: one ?? '', part, ...difference }
  }
  const path = (isOnlyFirst ? one : other) ?? ''
  const there = { from: 0, bytes: encodeBytes(path) }
  return {
    path,
    part: 'presence',
    offset: 0,
    first: isOnlyFirst ? there : undefined,
    second: isOnlyFirst ? undefined : there,
  }
}

async function hasEntry(members: AsyncIterable<TarMember>, name: string): Promise<boolean> {
  for await (const member of members) if (nameOf(member) === name) return true
  return false
}

/** The slash that folders end in says what they are, not what they are called. */
function nameOf(member: TarMember | undefined): string | undefined {
  return member?.entry.path.replace(/\/+$/, '')
}
