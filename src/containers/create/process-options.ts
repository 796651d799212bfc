import { isIP } from 'node:net'
import type { ProcessSpec } from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'

type Options = Pick<
  ProcessSpec,
  | 'namespaces'
  | 'sysctls'
  | 'groupAdd'
  | 'oomScoreAdj'
  | 'annotations'
  | 'devices'
  | 'deviceRules'
  | 'deviceRates'
>

/**
 * What of a request goes into the runtime's document nearly as it is. Said when the container is made, not when it
 * starts: INVALID_ARGUMENT, NOT_IMPLEMENTED.
 */
export function processOptions(request: ContainerRequest): Options {
  const {
    groupAdd = [],
    oomScoreAdj,
    annotations = {},
    devices = [],
    deviceRules = [],
    deviceRates = [],
  } = request
  if (oomScoreAdj !== undefined && (oomScoreAdj < -1000 || oomScoreAdj > 1000))
    throw invalid(`Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  if (Object.hasOwn(annotations, ''))
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key')
  const { dns, dnsSearch = [], dnsOptions = [] } = request
  for (const address of dns) {
    if (isIP(address) === 0)
      throw invalid(`IP address is not correctly formatted: ${JSON.stringify(address)}`)
  }
  for (const word of [...dnsSearch, ...dnsOptions]) {
    // it goes into resolv.conf, where a newline would begin another line (C-R13)
    if (!/^[\w.:-]+$/.test(word)) throw invalid(`bad DNS search domain or option: ${JSON.stringify(word)}`)
  }
  const namespaces = wantedNamespaces(request)
  const sysctls = wantedSysctls(request)
  return {
    ...(Object.keys(namespaces).length > 0 && { namespaces }),
    ...(Object.keys(sysctls).length > 0 && { sysctls }),
    ...(groupAdd.length > 0 && { groupAdd }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    ...(devices.length > 0 && { devices }),
    ...(deviceRules.length > 0 && { deviceRules }),
    ...(deviceRates.length > 0 && { deviceRates }),
  }
}

function wantedNamespaces(request: ContainerRequest): {
  uts?: 'host'
  cgroup?: 'host' | 'private'
} {
  const { uts = '', cgroupns = '', userns = '', hostname } = request
  if (!['', 'host'].includes(uts)) throw invalid(`invalid UTS mode: ${uts}`)
  if (!['', 'host', 'private'].includes(cgroupns)) throw invalid(`invalid cgroup namespace mode: ${cgroupns}`)
  // the user namespace of mille is the only one: `host` asks for what is
  if (!['', 'host'].includes(userns)) throw invalid(`invalid USER mode: ${userns}`)
  if (uts === 'host' && hostname !== undefined)
    throw invalid('conflicting options: hostname and the UTS mode')
  return {
    ...(uts === 'host' && { uts }),
    ...((cgroupns === 'host' || cgroupns === 'private') && { cgroup: cgroupns }),
  }
}

/** In a namespace of the host they would be the machine's. The domain name is one of them, but not among those a user names. */
function wantedSysctls(request: ContainerRequest): Readonly<Record<string, string>> {
  const { sysctls = {}, domainname, network, ipc, uts } = request
  for (const name of Object.keys(sysctls)) {
    const isNetwork = name.startsWith('net.')
    if (isNetwork ? network === 'host' : ipc === 'host') {
      const kind = isNetwork ? 'network' : 'ipc'
      throw invalid(`sysctl "${name}" is not allowed in the ${kind} namespace of the host`)
    }
  }
  if (domainname === undefined || domainname === '') return sysctls
  // setdomainname(2) takes 64 bytes; it also goes into /etc/hosts, where a space would be one more name (C-R13)
  if (!/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,62})$/.test(domainname))
    throw invalid(`invalid domain name: ${JSON.stringify(domainname)}`)
  if (uts === 'host') throw invalid('conflicting options: domain name and the UTS mode')
  return { ...sysctls, 'kernel.domainname': domainname }
}

function invalid(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}
