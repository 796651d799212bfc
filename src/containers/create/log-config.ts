import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { ContainerRequest } from '../containers.ts'

/** What is kept when nothing is said: Docker keeps everything of json-file, and a full disk is what ends it. */
const defaults = {
  'json-file': { size: 100e6, files: 2 },
  local: { size: 20e6, files: 5 },
} as const
const options = ['max-size', 'max-file']
/** Docker's, for things that are not here. */
const foreignDrivers = 'awslogs etwlogs fluentd gcplogs gelf journald splunk syslog'.split(' ')
const foreignOptions = 'compress env env-regex labels labels-regex max-buffer-size mode tag'.split(' ')

/** Bytes of its log that a container may keep; undefined: no bound, or no log. The messages of errors are Docker's. */
export function logLimit({ logDriver, logOptions }: ContainerRequest): number | undefined {
  if (logDriver === 'none') {
    if (Object.keys(logOptions).length === 0) return undefined
    throw failure('LOG_CONFIG_INVALID', { reason: 'invalid logging opts for driver none' })
  }
  if (logDriver !== 'json-file' && logDriver !== 'local') throw unknownDriver(logDriver)
  for (const name of Object.keys(logOptions))
    if (!options.includes(name)) throw unknownOption(name, logDriver)
  const size = logOptions['max-size']
  const files = logOptions['max-file']
  const { size: defaultSize, files: defaultFiles } = defaults[logDriver]
  // one file when its size is given, as in Docker, but for `local`
  const count =
    files === undefined ? (size === undefined || logDriver === 'local' ? defaultFiles : 1) : countOf(files)
  const bytes = size === undefined ? defaultSize : bytesOf(size)
  return bytes === undefined ? undefined : bytes * count
}

function unknownDriver(name: string): Error {
  if (foreignDrivers.includes(name)) return failure('NOT_IMPLEMENTED', { feature: `logging driver ${name}` })
  const known = [...Object.keys(defaults), 'none']
  const near = suggest(name, known)
  const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`
  const reason = `error looking up logging plugin ${name}: plugin "${name}" not found: ${hint}`
  return failure('LOG_CONFIG_INVALID', { reason })
}

function unknownOption(name: string, driver: string): Error {
  if (foreignOptions.includes(name)) return failure('NOT_IMPLEMENTED', { feature: `log opt ${name}` })
  const reason = `unknown log opt '${name}' for ${driver} log driver: there are ${options.join(', ')}`
  return failure('LOG_CONFIG_INVALID', { reason })
}

function countOf(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN
  if (count >= 1 && count <= 1000) return count
  const reason =
    count === 0 ? 'max-file cannot be less than 1' : `invalid max-file: '${text}': a number from 1 to 1000`
  throw failure('LOG_CONFIG_INVALID', { reason })
}

const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }

/** Decimal units, as Docker has them here; undefined for -1, which is no bound. */
function bytesOf(text: string): number | undefined {
  if (text === '-1') return undefined
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgt]?)b?$/i.exec(text) ?? []
  const bytes = Math.floor(Number(number) * (units[unit.toLowerCase()] ?? NaN))
  if (bytes >= 1) return bytes
  throw failure('LOG_CONFIG_INVALID', { reason: `invalid size: '${text}'` })
}
