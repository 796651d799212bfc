import type { ContainerRequest } from '../../containers/containers.ts'
import { parseDevice, parseDeviceRule, parseSysctl } from '../../containers/create/parse-process-options.ts'
import type { DeviceRate } from '../../runtime/runtime.ts'
import { failure, messageOf } from '../../util/errors.ts'
import type { HostConfigBody } from '../types/container-create.ts'
import { given } from './given.ts'

/** What goes into the runtime's document nearly as it is, checked as on the command line. INVALID_ARGUMENT. */
export function runtimeWish(host: HostConfigBody): Partial<ContainerRequest> {
  for (const [name, value] of Object.entries(host.Sysctls ?? {}))
    checked(() => parseSysctl(`${name}=${value}`))
  return given({
    annotations: host.Annotations,
    cgroupns: host.CgroupnsMode || undefined,
    devices: host.Devices?.map(({ PathOnHost = '', PathInContainer = '', CgroupPermissions = '' }) =>
      checked(() =>
        parseDevice([PathOnHost, PathInContainer || PathOnHost, CgroupPermissions || 'rwm'].join(':')),
      ),
    ),
    cdiDevices: cdiNames(host),
    deviceRates: deviceRates(host),
    deviceRules: host.DeviceCgroupRules?.map((rule) => checked(() => parseDeviceRule(rule))),
    dnsOptions: host.DnsOptions,
    dnsSearch: host.DnsSearch,
    groupAdd: host.GroupAdd,
    ipc: host.IpcMode || undefined,
    oomKillDisable: host.OomKillDisable || undefined,
    oomScoreAdj: host.OomScoreAdj || undefined,
    pid: host.PidMode || undefined,
    sysctls: host.Sysctls,
    userns: host.UsernsMode || undefined,
    uts: host.UTSMode || undefined,
  })
}

function deviceRates(host: HostConfigBody): ContainerRequest['deviceRates'] {
  const of = (
    kind: DeviceRate['kind'],
    list: HostConfigBody['BlkioDeviceReadBps'] = [],
  ): readonly DeviceRate[] => list.map(({ Path: path = '', Rate: rate = 0 }) => ({ path, kind, rate }))
  const rates = [
    ...of('readBps', host.BlkioDeviceReadBps),
    ...of('writeBps', host.BlkioDeviceWriteBps),
    ...of('readIops', host.BlkioDeviceReadIOps),
    ...of('writeIops', host.BlkioDeviceWriteIOps),
  ]
  return rates.length === 0 ? undefined : rates
}

function cdiNames({ DeviceRequests = [] }: HostConfigBody): readonly string[] | undefined {
  const names = DeviceRequests.flatMap(({ Driver, DeviceIDs = [] }) => (Driver === 'cdi' ? DeviceIDs : []))
  return names.length === 0 ? undefined : names
}

/** A parser's plain reason as INVALID_ARGUMENT. */
export function checked<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    throw failure('INVALID_ARGUMENT', { reason: messageOf(cause) }, { cause })
  }
}
