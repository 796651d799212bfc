import { lstatSync, readdirSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../util/errors.ts'
import type { DeviceAccess, DeviceRate } from './runtime.ts'

/** A node in `linux.devices` of the OCI runtime specification. */
export interface RuntimeDevice {
  readonly path: string
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

/** A line of `linux.resources.devices`. */
export interface RuntimeDeviceRule {
  readonly allow: true
  readonly type: string
  readonly major?: number
  readonly minor?: number
  readonly access: string
}

/** Every device directly in /dev, for a privileged container; no links: `/dev/stdin` is what this process has there. */
export function hostDevices(): RuntimeDevice[] {
  return readdirSync('/dev').flatMap((name) => {
    const stat = lstatSync(`/dev/${name}`, { throwIfNoEntry: false })
    return stat === undefined || !isDevice(stat) || name === 'console' ? [] : [deviceAt(`/dev/${name}`, stat)]
  })
}

/** The nodes that `--device` names, of a folder all in it, and the right to use each. DEVICE_INVALID. */
export function givenDevices(wanted: readonly DeviceAccess[]): {
  readonly nodes: readonly RuntimeDevice[]
  readonly rules: readonly RuntimeDeviceRule[]
} {
  const found = wanted.flatMap((one) => nodesOf(one).map((node) => ({ node, access: one.access })))
  return {
    nodes: found.map(({ node }) => node),
    rules: found.map(({ node: { type, major, minor }, access }) => ({
      allow: true,
      type,
      major,
      minor,
      access,
    })),
  }
}

function nodesOf({ source, target }: DeviceAccess): RuntimeDevice[] {
  const stat = statSync(source, { throwIfNoEntry: false })
  if (stat === undefined)
    throw failure('DEVICE_INVALID', { path: source, reason: 'no such file or directory' })
  if (isDevice(stat)) return [deviceAt(target, stat)]
  if (!stat.isDirectory()) throw failure('DEVICE_INVALID', { path: source, reason: 'not a device node' })
  const below = readdirSync(source, { recursive: true, encoding: 'utf8' }).toSorted()
  return below.flatMap((name) => {
    const one = statSync(join(source, name), { throwIfNoEntry: false })
    return one === undefined || !isDevice(one) ? [] : [deviceAt(join(target, name), one)]
  })
}

const throttleNames = {
  readBps: 'throttleReadBpsDevice',
  writeBps: 'throttleWriteBpsDevice',
  readIops: 'throttleReadIOPSDevice',
  writeIops: 'throttleWriteIOPSDevice',
} as const

/** `linux.resources.blockIO`. DEVICE_INVALID. */
export function throttles(rates: readonly DeviceRate[]): Record<string, unknown> {
  const lists: Record<string, { major: number; minor: number; rate: number }[]> = {}
  for (const { path, kind, rate } of rates) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) throw failure('DEVICE_INVALID', { path, reason: 'no such file or directory' })
    if (!stat.isBlockDevice()) throw failure('DEVICE_INVALID', { path, reason: 'not a block device' })
    const { major, minor } = deviceAt(path, stat)
    ;(lists[throttleNames[kind]] ??= []).push({ major, minor, rate })
  }
  return lists
}

/** A rule as `--device-cgroup-rule` has it: `c 10:229 rwm`; `*` stands for all. */
export function deviceRule(text: string): RuntimeDeviceRule {
  const [type = 'a', numbers = '', access = ''] = text.split(' ')
  const [major = '*', minor = '*'] = numbers.split(':')
  return {
    allow: true,
    type,
    ...(major !== '*' && { major: Number(major) }),
    ...(minor !== '*' && { minor: Number(minor) }),
    access,
  }
}

const isDevice = (stat: Stats): boolean => stat.isCharacterDevice() || stat.isBlockDevice()

function deviceAt(path: string, stat: Stats): RuntimeDevice {
  const { rdev, mode, uid, gid } = stat
  return {
    path,
    type: stat.isBlockDevice() ? 'b' : 'c',
    // the kernel's new_encode_dev: 12 bits major, 20 bits minor
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
    fileMode: mode & 0o777,
    uid,
    gid,
  }
}
