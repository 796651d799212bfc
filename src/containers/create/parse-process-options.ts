import type { DeviceRate } from '../../runtime/runtime.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import type { DeviceRequest } from '../containers.ts'

/** Settings of the kernel that a container has for itself; the others are the machine's. */
const ownSettings =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|(net|fs\.mqueue)\..+)$/

/** `NAME=VALUE` of a setting that is not the whole machine's. */
export function parseSysctl(text: string): string {
  const [name = ''] = text.split('=', 1)
  if (!text.includes('=') || !ownSettings.test(name)) throw new Error(`sysctl '${text}' is not allowed`)
  return text
}

/** `HOST[:CONTAINER][:rwm]`; a folder stands for the devices in it. */
export function parseDevice(text: string): DeviceRequest {
  const parts = text.split(':')
  const [source = '', second = '', third] = parts
  const isMode = parts.length === 2 && /^[rwm]+$/.test(second)
  const target = isMode || second === '' ? source : second
  const access = isMode ? second : (third ?? 'rwm')
  if (parts.length > 3 || source === '') throw new Error(`bad format for path: ${text}`)
  if (!source.startsWith('/')) throw new Error(`${source} is not an absolute path`)
  if (!target.startsWith('/')) throw new Error(`${target} is not an absolute path`)
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(access)) throw new Error(`bad mode specified: ${access}`)
  return { source, target, access }
}

/** `c 10:229 rwm`, `a *:* rwm`. */
export function parseDeviceRule(text: string): string {
  if (!/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text))
    throw new Error(`invalid device cgroup format '${text}'`)
  return text
}

/** `PORT[-LAST][/PROTOCOL]`, each port by itself as an image's config has it. */
export function parseExpose(text: string): readonly string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? []
  const from = Number(first)
  const to = Number(last)
  if (first === '' || from < 1 || to > 65_535 || from > to)
    throw new Error(
      `invalid range format for --expose: ${text}: use PORT[-PORT][/tcp|udp|sctp], from 1 to 65535`,
    )
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`)
}

/** `PATH:RATE`; bytes may have a unit. */
export function parseDeviceRate(text: string, kind: DeviceRate['kind']): DeviceRate {
  const [, path = '', rate = ''] = /^([^:]+):([^:]+)$/.exec(text) ?? []
  if (path === '') throw new Error(`bad format: ${text}`)
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${text}`)
  const number = kind.endsWith('Bps') ? bytes(text, rate) : Number(/^\d{1,15}$/.test(rate) ? rate : NaN)
  if (Number.isNaN(number))
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    )
  return { path, kind, rate: number }
}

function bytes(text: string, rate: string): number {
  try {
    return parseBytes(rate)
  } catch (cause) {
    const format =
      '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb'
    throw new Error(`invalid rate for device: ${text}. The correct format is ${format}`, { cause })
  }
}
