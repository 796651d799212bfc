import { failure } from '../../util/errors.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import type { MountRequest } from '../containers.ts'

/** How mounts made later on one side show on the other. Source: mount(2). */
export const propagations: readonly string[] = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']

/** `-v [SOURCE:]TARGET[:ro,…]`: a host path (made when missing) or a volume's name. INVALID_ARGUMENT. */
export function parseVolume(spec: string): MountRequest {
  const parts = spec.split(':')
  if (parts.length > 3 || parts.includes(''))
    throw bad(`invalid volume specification: '${spec}': use [SOURCE:]TARGET[:OPTIONS]`)
  const [first = '', second, modes] = parts
  if (second === undefined)
    return { type: 'volume', target: absolute(spec, first), readonly: false, short: '' }
  const target = absolute(spec, second)
  const options = modes === undefined ? [] : modes.split(',')
  const known = ['ro', 'rw', 'nocopy', 'z', 'Z', 'cached', 'delegated', 'consistent', ...propagations]
  for (const option of options) {
    if (!known.includes(option)) throw bad(`invalid volume specification: '${spec}': invalid mode: ${option}`)
  }
  if (options.includes('ro') && options.includes('rw'))
    throw bad(`invalid volume specification: '${spec}': invalid mode: ${modes}`)
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
    short: modes ?? '',
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

const tmpfsWords = ['exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev', 'noatime', 'relatime', 'strictatime']
const tmpfsNumbers = /^(uid|gid|nr_inodes|nr_blocks)=\d{1,10}$/

/** `--tmpfs TARGET[:size=64m,mode=1777,exec]`. INVALID_ARGUMENT. */
export function parseTmpfs(spec: string): MountRequest {
  const colon = spec.indexOf(':')
  const target = colon < 0 ? spec : spec.slice(0, colon)
  if (!target.startsWith('/')) throw bad(`invalid tmpfs "${spec}": mount path must be absolute`)
  const short = colon < 0 ? '' : spec.slice(colon + 1)
  const fields = short === '' ? [] : short.split(',')
  let mount: MountRequest = { type: 'tmpfs', target, readonly: fields.includes('ro'), short }
  for (const field of fields) {
    const [key = '', value = ''] = field.split('=')
    if (key === 'size') mount = { ...mount, size: size(field, value) }
    else if (key === 'mode') mount = { ...mount, mode: octal(field, value) }
    else if (tmpfsWords.includes(field) || tmpfsNumbers.test(field))
      mount = { ...mount, options: [...(mount.options ?? []), field] }
    else if (field !== 'ro' && field !== 'rw')
      throw bad(
        `invalid tmpfs option "${field}": there are size=, mode=, uid=, gid=, nr_inodes=, ro, ${tmpfsWords.join(', ')}`,
      )
  }
  return mount
}

function size(field: string, value: string): number {
  try {
    return parseBytes(value)
  } catch (cause) {
    throw failure(
      'INVALID_ARGUMENT',
      { reason: `invalid tmpfs option "${field}": use e.g. size=64m` },
      { cause },
    )
  }
}

function octal(field: string, value: string): number {
  if (!/^[0-7]{1,4}$/.test(value)) throw bad(`invalid tmpfs option "${field}": mode must be octal 0-7777`)
  return parseInt(value, 8)
}

function bad(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}
