import type { MountRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { parseBytes } from '../format/units.ts'

const propagations = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']

/** `-v [SOURCE:]TARGET[:ro,…]`: a host path (made when missing) or a volume's name. CLI_FAILED. */
export function parseVolume(spec: string): MountRequest {
  const parts = spec.split(':')
  if (parts.length > 3 || parts.includes(''))
    throw bad(`invalid volume specification: '${spec}': use [SOURCE:]TARGET[:OPTIONS]`)
  const [first = '', second, modes] = parts
  if (second === undefined) return { type: 'volume', target: absolute(spec, first), readonly: false }
  const target = absolute(spec, second)
  const options = modes === undefined ? [] : modes.split(',')
  const known = ['ro', 'rw', 'nocopy', 'z', 'Z', 'cached', 'delegated', 'consistent', ...propagations]
  for (const option of options) {
    if (!known.includes(option)) throw bad(`invalid volume specification: '${spec}': invalid mode: ${option}`)
  }
  const propagation = options.find((option) => propagations.includes(option))
  const isPath = first.startsWith('/')
  if (!isPath && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(first)) {
    throw bad(
      `create ${first}: "${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  }
  return {
    type: isPath ? 'bind' : 'volume',
    source: first,
    target,
    readonly: options.includes('ro'),
    createSource: true,
    ...(options.includes('nocopy') ? { noCopy: true } : {}),
    ...(propagation === undefined ? {} : { propagation }),
  }
}

function absolute(spec: string, path: string): string {
  if (path.startsWith('/') && path !== '/') return path
  const reason =
    path === '/' ? "destination can't be '/'" : `invalid mount path: '${path}' mount path must be absolute`
  throw bad(`invalid volume specification: '${spec}': ${reason}`)
}

/** `--tmpfs TARGET[:size=64m,mode=1777]`. CLI_FAILED. */
export function parseTmpfs(spec: string): MountRequest {
  const colon = spec.indexOf(':')
  const target = colon < 0 ? spec : spec.slice(0, colon)
  if (!target.startsWith('/')) throw bad(`invalid tmpfs "${spec}": mount path must be absolute`)
  const fields = colon < 0 ? [] : spec.slice(colon + 1).split(',')
  let mount: MountRequest = { type: 'tmpfs', target, readonly: fields.includes('ro') }
  for (const field of fields) {
    const [key = '', value = ''] = field.split('=')
    if (key === 'size') mount = { ...mount, size: size(field, value) }
    else if (key === 'mode') mount = { ...mount, mode: octal(field, value) }
    else if (!['ro', 'rw', 'exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev'].includes(key)) {
      throw bad(`invalid tmpfs option "${field}": there are size=, mode=, ro`)
    }
  }
  return mount
}

const mountTypes = ['bind', 'volume', 'tmpfs'] as const
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
  'volume-nocopy',
  'volume-subpath',
  'tmpfs-size',
  'tmpfs-mode',
]

/** `--mount type=bind,source=/a,target=/b,readonly`. Throws a plain Error, for the flag's own message. */
export function parseMount(spec: string): MountRequest {
  const fields = new Map<string, string>()
  for (const field of spec.split(',')) {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    const isSwitch = ['readonly', 'ro', 'volume-nocopy'].includes(key)
    if (equals < 0 && !isSwitch) throw new Error(`invalid field '${field}' must be a key=value pair`)
    if (!mountKeys.includes(key)) {
      const near = suggest(key, mountKeys)
      throw new Error(
        `unexpected key '${key}' in '${field}'${near === undefined ? '' : `, did you mean '${near}'?`}`,
      )
    }
    fields.set(key, equals < 0 ? 'true' : field.slice(equals + 1))
  }
  return mountOf(fields)
}

function mountOf(fields: ReadonlyMap<string, string>): MountRequest {
  const typeName = fields.get('type') ?? 'volume'
  const type = mountTypes.find((name) => name === typeName)
  if (type === undefined)
    throw new Error(`unknown mount type '${typeName}': there are ${mountTypes.join(', ')}`)
  const target = fields.get('target') ?? fields.get('destination') ?? fields.get('dst')
  if (target === undefined || target === '') throw new Error('target is required')
  if (!target.startsWith('/')) throw new Error(`invalid mount path: '${target}' mount path must be absolute`)
  const source = fields.get('source') ?? fields.get('src')
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
  const subpath = fields.get('volume-subpath')
  return {
    type,
    ...(source === undefined ? {} : { source }),
    target,
    readonly: isTrue(fields.get('readonly')) || isTrue(fields.get('ro')),
    ...(isTrue(fields.get('volume-nocopy')) ? { noCopy: true } : {}),
    ...(subpath === undefined ? {} : { subpath }),
    ...(propagation === undefined ? {} : { propagation }),
    ...(bytes === undefined ? {} : { size: parseBytes(bytes) }),
    ...(mode === undefined ? {} : { mode: parseInt(mode, 8) }),
  }
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1'
}

function size(field: string, value: string): number {
  try {
    return parseBytes(value)
  } catch (cause) {
    throw failure('CLI_FAILED', { reason: `invalid tmpfs option "${field}": use e.g. size=64m` }, { cause })
  }
}

function octal(field: string, value: string): number {
  if (!/^[0-7]{1,4}$/.test(value)) throw bad(`invalid tmpfs option "${field}": mode must be octal 0-7777`)
  return parseInt(value, 8)
}

function bad(reason: string): Error {
  return failure('CLI_FAILED', { reason })
}
