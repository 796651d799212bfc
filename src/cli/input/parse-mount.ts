import { fromHere } from './from-here.ts'
import { toRecord } from './read-variables.ts'
import { splitCsv } from './split-csv.ts'
import type { MountRequest } from '../../containers/containers.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { suggest } from '../../util/suggest.ts'

const mountTypes = ['bind', 'volume', 'tmpfs', 'image'] as const
const mountKeys = [
  'type',
  'source',
  'src',
  'target',
  'destination',
  'dst',
  'readonly',
  'ro',
  'bind-propagation',
  'bind-recursive',
  'bind-nonrecursive',
  'volume-nocopy',
  'volume-subpath',
  'volume-driver',
  'volume-label',
  'volume-opt',
  'image-subpath',
  'tmpfs-size',
  'tmpfs-mode',
]

/** `--mount type=bind,source=/a,target=/b,readonly`. Throws a plain Error, for the flag's own message. */
export function parseMount(spec: string): MountRequest {
  const fields = new Map<string, string>()
  const pairs = { 'volume-opt': [] as string[], 'volume-label': [] as string[] }
  for (const field of splitCsv(spec)) {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    const isSwitch = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive'].includes(key)
    if (equals < 0 && !isSwitch) throw new Error(`invalid field '${field}' must be a key=value pair`)
    if (!mountKeys.includes(key)) {
      const near = suggest(key, mountKeys)
      throw new Error(
        `unexpected key '${key}' in '${field}'${near === undefined ? '' : `, did you mean '${near}'?`}`,
      )
    }
    const value = equals < 0 ? 'true' : field.slice(equals + 1)
    if (key === 'volume-opt' || key === 'volume-label') pairs[key].push(value)
    else fields.set(key, value)
  }
  return mountOf(fields, pairs)
}

function mountOf(
  fields: ReadonlyMap<string, string>,
  pairs: Readonly<Record<'volume-opt' | 'volume-label', readonly string[]>>,
): MountRequest {
  const typeName = fields.get('type') ?? 'volume'
  const type = mountTypes.find((name) => name === typeName)
  if (type === undefined)
    throw new Error(`unknown mount type '${typeName}': there are ${mountTypes.join(', ')}`)
  const target = fields.get('target') ?? fields.get('destination') ?? fields.get('dst')
  if (target === undefined || target === '') throw new Error('target is required')
  if (!target.startsWith('/')) throw new Error(`invalid mount path: '${target}' mount path must be absolute`)
  const given = fields.get('source') ?? fields.get('src')
  const source = type === 'bind' && given !== undefined ? fromHere(given) : given
  if (type === 'bind' && !source?.startsWith('/')) {
    throw new Error(
      source === undefined
        ? 'source is required for a bind mount'
        : `source path must be absolute: '${source}'`,
    )
  }
  const propagation = fields.get('bind-propagation')
  const bytes = fields.get('tmpfs-size')
  const mode = fields.get('tmpfs-mode')
  for (const key of [
    ...fields.keys(),
    ...Object.entries(pairs).flatMap(([name, list]) => (list.length > 0 ? [name] : [])),
  ])
    checkKind(key, type)
  const driver = fields.get('volume-driver') ?? 'local'
  if (driver !== 'local') throw new Error(`unknown volume driver ${driver}: there is local`)
  const subpath = fields.get('volume-subpath') ?? fields.get('image-subpath')
  return {
    type,
    ...(source === undefined ? {} : { source }),
    target,
    readonly: isTrue(fields.get('readonly')) || isTrue(fields.get('ro')),
    ...(isTrue(fields.get('volume-nocopy')) ? { noCopy: true } : {}),
    ...(subpath === undefined ? {} : { subpath }),
    ...(pairs['volume-opt'].length > 0 && { volumeOptions: toRecord(pairs['volume-opt']) }),
    ...(pairs['volume-label'].length > 0 && { volumeLabels: toRecord(pairs['volume-label']) }),
    ...(propagation === undefined ? {} : { propagation }),
    ...(isNonRecursive(fields) && { nonRecursive: true }),
    ...(bytes === undefined ? {} : { size: parseBytes(bytes) }),
    ...(mode === undefined ? {} : { mode: parseMode(mode) }),
  }
}

/** `bind-propagation` is for a bind and nothing else. */
function checkKind(key: string, type: MountRequest['type']): void {
  const kind = mountTypes.find((name) => key.startsWith(`${name}-`))
  if (kind !== undefined && kind !== type)
    throw new Error(`cannot mix '${kind}-*' options with mount type '${type}'`)
}

/** Mounts below the source are left out; what only newer kernels make read-only is not there. */
function isNonRecursive(fields: ReadonlyMap<string, string>): boolean {
  const value = fields.get('bind-recursive') ?? 'enabled'
  if (value === 'writable' || value === 'readonly') throw new Error(`not supported: bind-recursive=${value}`)
  if (value !== 'enabled' && value !== 'disabled')
    throw new Error(
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    )
  return value === 'disabled' || isTrue(fields.get('bind-nonrecursive'))
}

function parseMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw new Error(`invalid value for tmpfs-mode: ${text}`)
  return parseInt(text, 8)
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1'
}
