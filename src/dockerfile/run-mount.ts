import { posix } from 'node:path'
import { suggest } from '../util/suggest.ts'
import type { Fault } from './values.ts'

/** Files of the build context, or of the stage or image `from`; never written back. */
export interface BindMount {
  readonly type: 'bind'
  /** As written: relative to the working folder, or absolute. */
  readonly target: string
  /** Inside the origin's root; empty is the root itself. */
  readonly source: string
  readonly from?: string
  readonly readonly: boolean
}

export type CacheSharing = 'shared' | 'private' | 'locked'

/** A folder that outlives the build and is no part of the image. */
export interface CacheMount extends Omit<BindMount, 'type'> {
  readonly type: 'cache'
  readonly id: string
  readonly sharing: CacheSharing
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface TmpfsMount {
  readonly type: 'tmpfs'
  readonly target: string
  readonly readonly: boolean
  /** Bytes. */
  readonly size?: number
}

export interface SecretMount {
  readonly type: 'secret'
  readonly id: string
  /** Absent when the secret is wanted as a variable only. */
  readonly target?: string
  readonly env?: string
  readonly required: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface SshMount {
  readonly type: 'ssh'
  readonly id: string
  /** Absent: a place of the builder's choice, which SSH_AUTH_SOCK names. */
  readonly target?: string
  readonly required: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** `RUN --mount` with every default filled in. Source: Dockerfile reference, "RUN --mount". */
export type RunMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount

/** One `key=value`; a switch (`ro`, `required`) may stand alone. Keys are lower case. */
export interface PlainField {
  readonly key: string
  readonly value?: string | undefined
}

/** What is wrong with a mount, and where: the key or the value of a field, else the whole. */
export interface MountFault extends Fault {
  readonly field?: number
  readonly part?: 'key' | 'value'
}

type MountType = RunMount['type']

const types: readonly MountType[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh']
const sharings: readonly CacheSharing[] = ['shared', 'private', 'locked']

/** Keys that some types only have; the others are taken anywhere, as BuildKit does. */
const typesOf: Readonly<Record<string, readonly MountType[]>> = {
  from: ['bind', 'cache', 'tmpfs', 'ssh'],
  gid: ['cache', 'secret', 'ssh'],
  mode: ['cache', 'secret', 'ssh'],
  required: ['secret', 'ssh'],
  sharing: ['cache'],
  size: ['tmpfs'],
  uid: ['cache', 'secret', 'ssh'],
}

/** The keys that mean something, in the order people are told them. */
const keysOf: Readonly<Record<MountType, readonly string[]>> = {
  bind: ['type', 'source', 'target', 'from', 'ro', 'rw'],
  cache: ['type', 'id', 'target', 'sharing', 'from', 'source', 'ro', 'mode', 'uid', 'gid'],
  tmpfs: ['type', 'target', 'size'],
  secret: ['type', 'id', 'target', 'env', 'required', 'mode', 'uid', 'gid'],
  ssh: ['type', 'id', 'target', 'required', 'mode', 'uid', 'gid'],
}

interface Draft {
  type?: MountType
  target?: string
  source?: string
  from?: string
  id?: string
  env?: string
  sharing?: CacheSharing
  readonly?: boolean
  required?: boolean
  size?: number
  mode?: number
  uid?: number
  gid?: number
}

type ReadValue = (value: string) => Draft | Fault

const readers: Readonly<Record<string, ReadValue>> = {
  type: (value) => choose('mount type', value, types, (type) => ({ type })),
  source: (source) => ({ source }),
  src: (source) => ({ source }),
  target: (target) => ({ target }),
  dst: (target) => ({ target }),
  destination: (target) => ({ target }),
  from: (from) => ({ from }),
  id: (id) => ({ id }),
  env: (env) =>
    env === '' || /[=\0]/.test(env) ? { reason: `"${env}" cannot be the name of a variable` } : { env },
  sharing: (value) => choose('sharing', value.toLowerCase(), sharings, (sharing) => ({ sharing })),
  readonly: (value) => readTruth('readonly', value, (readonly) => ({ readonly })),
  ro: (value) => readTruth('ro', value, (readonly) => ({ readonly })),
  readwrite: (value) => readTruth('readwrite', value, (rw) => ({ readonly: !rw })),
  rw: (value) => readTruth('rw', value, (rw) => ({ readonly: !rw })),
  required: (value) => readTruth('required', value, (required) => ({ required })),
  size: readSize,
  mode: (value) =>
    /^[0-7]{1,11}$/.test(value) && Number.parseInt(value, 8) <= 0o7777
      ? { mode: Number.parseInt(value, 8) }
      : { reason: `invalid mode "${value}": must be octal, 0 to 07777` },
  uid: (value) => readId('uid', value, (uid) => ({ uid })),
  gid: (value) => readId('gid', value, (gid) => ({ gid })),
}

const switches = new Set(['readonly', 'ro', 'readwrite', 'rw', 'required'])

function choose<Choice extends string>(
  what: string,
  value: string,
  choices: readonly Choice[],
  make: (choice: Choice) => Draft,
): Draft | Fault {
  const choice = choices.find((known) => known === value)
  if (choice !== undefined) return make(choice)
  const suggestion = suggest(value, choices)
  if (suggestion !== undefined) return { reason: `unsupported ${what} "${value}"`, suggestion }
  return { reason: `unsupported ${what} "${value}": must be one of ${choices.join(', ')}` }
}

/** As Go's strconv.ParseBool reads it. */
function readTruth(key: string, value: string, make: (truth: boolean) => Draft): Draft | Fault {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return make(true)
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return make(false)
  return { reason: `${key} is true or false, not "${value}"` }
}

function readId(key: string, value: string, make: (id: number) => Draft): Draft | Fault {
  if (/^\d{1,10}$/.test(value) && Number(value) <= 0xffff_fffe) return make(Number(value))
  return { reason: `invalid ${key} "${value}": must be a number, 0 to 4294967294` }
}

function readSize(value: string): Draft | Fault {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(value)
  if (match === null) return { reason: `invalid size "${value}": must be like 64m or 1g` }
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf((match[2] ?? '').toLowerCase())
  return { size: Math.trunc(Number(match[1]) * 2 ** (10 * power)) }
}

/** Everything that can be said about one field without the others: its key and, once it is known, its value. */
export function checkField(
  field: PlainField,
  isKnown: boolean,
  all: readonly PlainField[],
): MountFault | undefined {
  const read = readField(field, typeOf(all), !isKnown)
  return 'reason' in read ? read : undefined
}

function typeOf(fields: readonly PlainField[]): MountType {
  const given = fields.findLast(({ key }) => key === 'type')?.value
  return types.find((known) => known === given) ?? 'bind'
}

/** The mount that expanded fields describe, or the first thing wrong with them (D-F22). */
export function readMount(fields: readonly PlainField[]): RunMount | MountFault {
  const type = typeOf(fields)
  const draft: Draft = {}
  for (const [field, one] of fields.entries()) {
    const read = readField(one, type, false)
    if ('reason' in read) return { ...read, field }
    if (typesOf[one.key]?.includes(type) === false) {
      const reason = `"${one.key}" is no key of a ${type} mount: it has ${keysOf[type].join(', ')}`
      return { reason, field, part: 'key' }
    }
    Object.assign(draft, read)
  }
  return finish(type, draft)
}

function readField({ key, value }: PlainField, type: MountType, keyOnly: boolean): Draft | MountFault {
  const read = Object.hasOwn(readers, key) ? readers[key] : undefined
  if (read === undefined) {
    const suggestion = suggest(key, Object.keys(readers))
    const reason = `unexpected key "${key}": a ${type} mount has ${keysOf[type].join(', ')}`
    return { reason, part: 'key', ...(suggestion === undefined ? {} : { suggestion }) }
  }
  if (keyOnly) return {}
  if (value === undefined && !switches.has(key))
    return { reason: `"${key}" needs a value: ${key}=…`, part: 'key' }
  const result = read(value ?? 'true')
  return 'reason' in result ? { ...result, part: 'value' } : result
}

function finish(type: MountType, draft: Draft): RunMount | MountFault {
  const { target = '', source = '', from, id = '', size } = draft
  const origin = { target, source, ...(from === undefined ? {} : { from }) }
  switch (type) {
    case 'bind':
      return { type, ...origin, readonly: draft.readonly ?? true }
    case 'cache': {
      const { sharing = 'shared', readonly = false, mode, uid, gid } = draft
      const owner = {
        ...(mode === undefined ? {} : { mode }),
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
      }
      return { type, ...origin, id: id || posix.normalize(target || '.'), sharing, readonly, ...owner }
    }
    case 'tmpfs':
      return { type, target, readonly: draft.readonly ?? false, ...(size === undefined ? {} : { size }) }
    case 'secret':
      return finishSecret(draft)
    case 'ssh':
      return {
        type,
        id: id || 'default',
        ...(target === '' ? {} : { target }),
        ...accessOf(draft, 0o600),
      }
  }
}

function finishSecret(draft: Draft): SecretMount | MountFault {
  const { target = '', source = '', id = '', env } = draft
  if (id !== '' && source !== '')
    return { reason: 'a secret mount has an id or a source, not both: they mean the same' }
  const name = id || source || posix.basename(target)
  if (name === '') return { reason: 'a secret mount needs an id: id=…, or a target to take it from' }
  const file = target === '' && env === undefined ? `/run/secrets/${posix.basename(name)}` : target
  return {
    type: 'secret',
    id: name,
    ...(file === '' ? {} : { target: file }),
    ...(env === undefined ? {} : { env }),
    ...accessOf(draft, 0o400),
  }
}

function accessOf(
  { required = false, mode, uid = 0, gid = 0 }: Draft,
  usual: number,
): Pick<SecretMount, 'required' | 'mode' | 'uid' | 'gid'> {
  return { required, mode: mode ?? usual, uid, gid }
}
