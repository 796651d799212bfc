import type { DeviceRequest } from '../../containers/containers.ts'
import type { DeviceRate } from '../../runtime/runtime.ts'
import { cdiName } from '../../containers/create/cdi.ts'
import { flatList, type Flag, integer, list, parsed, parsedList, text, toggle } from '../flags/flag.ts'
import {
  parseDevice,
  parseDeviceRate,
  parseDeviceRule,
  parseExpose,
  parseSysctl,
} from '../../containers/create/parse-process-options.ts'

/** The table of `processFlags`. */
export type ProcessFlags = {
  readonly annotation: Flag<readonly string[]>
  readonly cgroupns: Flag<string | undefined>
  readonly device: Flag<readonly (DeviceRequest | CdiDevice)[]>
  readonly 'device-cgroup-rule': Flag<readonly string[]>
  readonly 'device-read-bps': Flag<readonly DeviceRate[]>
  readonly 'device-read-iops': Flag<readonly DeviceRate[]>
  readonly 'device-write-bps': Flag<readonly DeviceRate[]>
  readonly 'device-write-iops': Flag<readonly DeviceRate[]>
  readonly 'dns-opt': Flag<readonly string[]>
  readonly 'dns-option': Flag<readonly string[]>
  readonly 'dns-search': Flag<readonly string[]>
  readonly domainname: Flag<string | undefined>
  readonly expose: Flag<readonly string[]>
  readonly 'group-add': Flag<readonly string[]>
  readonly ipc: Flag<string | undefined>
  readonly isolation: Flag<string | undefined>
  readonly 'oom-kill-disable': Flag<boolean>
  readonly 'oom-score-adj': Flag<number | undefined>
  readonly pid: Flag<string | undefined>
  readonly runtime: Flag<string | undefined>
  readonly sysctl: Flag<readonly string[]>
  readonly userns: Flag<string | undefined>
  readonly uts: Flag<string | undefined>
  readonly 'volume-driver': Flag<string | undefined>
}

function rates(help: string, kind: DeviceRate['kind']): Flag<readonly DeviceRate[]> {
  return parsedList(help, (text) => parseDeviceRate(text, kind))
}

/** Flags of `run` and `create` that go into the runtime's document nearly as they are. */
export const processFlags: ProcessFlags = {
  annotation: list('Add an annotation to the container (passed through to the OCI runtime)'),
  cgroupns: text('Cgroup namespace to use: host or private'),
  device: parsedList('Add a host device to the container', parseAnyDevice),
  'device-cgroup-rule': parsedList('Add a rule to the cgroup allowed devices list', parseDeviceRule),
  'device-read-bps': rates('Limit read rate (bytes per second) from a device', 'readBps'),
  'device-read-iops': rates('Limit read rate (IO per second) from a device', 'readIops'),
  'device-write-bps': rates('Limit write rate (bytes per second) to a device', 'writeBps'),
  'device-write-iops': rates('Limit write rate (IO per second) to a device', 'writeIops'),
  'dns-opt': list('As --dns-option', { hidden: true }),
  'dns-option': list('Set DNS options'),
  'dns-search': list('Set custom DNS search domains'),
  domainname: text('Container NIS domain name'),
  expose: flatList('Expose a port or a range of ports', parseExpose),
  'group-add': list('Add additional groups to join'),
  ipc: text('IPC mode to use: private, shareable, container:NAME, host or none'),
  isolation: parsed('Container isolation technology', parseIsolation, { hidden: true }),
  'oom-kill-disable': toggle('Disable OOM Killer'),
  'oom-score-adj': integer("Tune host's OOM preferences (-1000 to 1000)"),
  pid: text('PID namespace to use: host or container:NAME'),
  runtime: parsed('Runtime to use for this container', parseRuntime),
  sysctl: parsedList('Sysctl options', parseSysctl),
  userns: text('User namespace to use: host'),
  uts: text('UTS namespace to use: host'),
  'volume-driver': parsed('Optional volume driver for the container', parseVolumeDriver),
}

/** A name that a description of the machine's devices has. */
export interface CdiDevice {
  readonly cdi: string
}

function parseAnyDevice(text: string): DeviceRequest | CdiDevice {
  return cdiName.test(text) ? { cdi: text } : parseDevice(text)
}

/** Whichever of the two this machine has runs every container. */
function parseRuntime(name: string): string {
  if (['runc', 'crun', 'io.containerd.runc.v2'].includes(name)) return name
  throw new Error(`unknown or invalid runtime name: ${name}`)
}

function parseIsolation(name: string): string {
  if (name === 'default') return name
  throw new Error(`invalid isolation (${name}): linux only supports 'default'`)
}

function parseVolumeDriver(name: string): string {
  if (name === 'local') return name
  throw new Error(`error looking up volume plugin ${name}: plugin "${name}" not found`)
}

const noLimit = 'only memory, CPU time, processors, pids and the rates of devices are limited'

/** Flags of Docker's that mean nothing here, with the reason: whoever gives one must not believe that it works. */
const reasons: Readonly<Record<string, string>> = {
  'blkio-weight': noLimit,
  'blkio-weight-device': noLimit,
  'cgroup-parent': 'the control groups of containers lie below /mille',
  'cpu-rt-period': noLimit,
  'cpu-rt-runtime': noLimit,
  gpus: 'could not select device driver "" with capabilities: [[gpu]]; name its description with --device vendor.com/class=name',
  link: 'containers of one --network find each other by name',
  'kernel-memory': 'the kernel has no such limit any more',
  'link-local-ip': 'a container has one address in each network',
  'storage-opt': 'the size of a container is not limited',
  'use-api-socket': 'the socket of `mille serve` is put into a container with -v',
}

export const unsupportedFlags: Readonly<Record<string, Flag<undefined>>> = Object.fromEntries(
  Object.entries(reasons).map(([name, reason]) => [name, unsupported(reason)]),
)

function unsupported(reason: string): Flag<undefined> {
  const accept = (): never => {
    throw new Error(`not supported: ${reason}`)
  }
  return { type: 'string', help: reason, initial: undefined, hidden: true, accept }
}
