import type { ContainerRequest, ContainerUpdate, MountRequest } from '../../containers/containers.ts'
import type { EndpointRequest } from '../../containers/network/networks.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerFlags } from './container-flags.ts'
import { healthRequest } from './health-flags.ts'
import type { FlagValues } from '../flags/flag.ts'
import { fromHere } from '../input/from-here.ts'
import { openFile } from '../input/open-file.ts'
import { parsePort } from '../input/parse-port.ts'
import type { UlimitRequest } from '../input/parse-ulimit.ts'
import { parseTmpfs, parseVolume } from '../../containers/volume/parse-volume.ts'
import { readVariables, resolveVariables, toRecord } from '../input/read-variables.ts'

type Values = FlagValues<ContainerFlags>

/** The request of `run` and `create` from their flags and arguments (image, command…). CLI_FAILED, CLI_OPEN_FILE. */
export async function containerRequest(
  flags: Values,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ContainerRequest> {
  checkChoices(flags)
  const [image = '', ...command] = args
  const files = await Promise.all(flags['env-file'].map((path) => readVariables(path, 'env', env)))
  const labels = await Promise.all(flags['label-file'].map((path) => readVariables(path, 'label', env)))
  return {
    image,
    ...(command.length === 0 ? {} : { command }),
    ...entrypoint(flags.entrypoint),
    env: [...files.flat(), ...resolveVariables(flags.env, env)],
    ...defined({
      name: flags.name,
      workingDir: flags.workdir,
      user: flags.user,
      hostname: flags.hostname,
      stopSignal: flags['stop-signal'],
      stopTimeout: flags['stop-timeout'],
      shmSize: flags['shm-size'] || undefined,
      platform: flags.platform,
      // Docker's own default
      memorySwappiness: flags['memory-swappiness'] === -1 ? undefined : flags['memory-swappiness'],
    }),
    ...processRequest(flags),
    ...healthRequest(flags),
    ...containerUpdate(flags),
    tty: flags.tty,
    openStdin: flags.interactive,
    labels: toRecord([...labels.flat(), ...flags.label]),
    mounts: mounts(flags),
    ...(flags['volumes-from'].length === 0 ? {} : { volumesFrom: flags['volumes-from'] }),
    ...networks(flags),
    ports: flags.publish.flatMap(parsePort),
    publishAll: flags['publish-all'],
    extraHosts: flags['add-host'],
    dns: flags.dns,
    readonlyRootfs: flags['read-only'],
    init: flags.init,
    privileged: flags.privileged,
    capAdd: flags['cap-add'],
    capDrop: flags['cap-drop'],
    ulimits: ulimits(flags.ulimit),
    securityOptions: await Promise.all(flags['security-opt'].map(withProfile)),
    autoRemove: flags.rm,
    logDriver: flags['log-driver'] || 'json-file',
    logOptions: toRecord(flags['log-opt']),
  }
}

/** What `processFlags` say. */
function processRequest(flags: Values): Partial<ContainerRequest> {
  const given = <Value>(values: readonly Value[]): readonly Value[] | undefined =>
    values.length === 0 ? undefined : values
  const record = (pairs: readonly string[]): Readonly<Record<string, string>> | undefined =>
    pairs.length === 0 ? undefined : toRecord(pairs)
  return defined({
    annotations: record(flags.annotation),
    cgroupns: flags.cgroupns,
    devices: given(flags.device.filter((device) => 'source' in device)),
    cdiDevices: given(flags.device.flatMap((device) => ('cdi' in device ? [device.cdi] : []))),
    deviceRates: given([
      ...flags['device-read-bps'],
      ...flags['device-write-bps'],
      ...flags['device-read-iops'],
      ...flags['device-write-iops'],
    ]),
    deviceRules: given(flags['device-cgroup-rule']),
    dnsOptions: given([...flags['dns-option'], ...flags['dns-opt']]),
    dnsSearch: given(flags['dns-search']),
    domainname: flags.domainname,
    expose: given(flags.expose),
    groupAdd: given(flags['group-add']),
    ipc: flags.ipc,
    oomKillDisable: flags['oom-kill-disable'] || undefined,
    oomScoreAdj: flags['oom-score-adj'],
    pid: flags.pid,
    sysctls: record(flags.sysctl),
    userns: flags.userns,
    uts: flags.uts,
  })
}

/** What `update` changes too. */
export function containerUpdate(
  flags: Pick<
    Values,
    | 'memory'
    | 'memory-swap'
    | 'memory-reservation'
    | 'cpus'
    | 'cpu-period'
    | 'cpu-quota'
    | 'cpu-shares'
    | 'cpuset-cpus'
    | 'cpuset-mems'
    | 'pids-limit'
    | 'restart'
  >,
): ContainerUpdate {
  return defined({
    memory: flags.memory,
    memorySwap: flags['memory-swap'],
    memoryReservation: flags['memory-reservation'] || undefined,
    cpus: flags.cpus,
    cpuPeriod: flags['cpu-period'] || undefined,
    cpuQuota: flags['cpu-quota'] || undefined,
    cpuShares: flags['cpu-shares'],
    cpusetCpus: flags['cpuset-cpus'],
    cpusetMems: flags['cpuset-mems'] || undefined,
    pidsLimit: flags['pids-limit'],
    restartPolicy: flags.restart,
  })
}

/** Fields that have a value; the type follows. */
function defined<Fields extends Record<string, unknown>>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>
  }
}

/** The last of a name counts; kept with -1 for unlimited, which JSON can hold. */
function ulimits(flags: readonly UlimitRequest[]): readonly UlimitRequest[] {
  const value = (limit: number): number => (limit === Infinity ? -1 : limit)
  const byName = new Map(
    flags.map(({ name, soft, hard }) => [name, { name, soft: value(soft), hard: value(hard) }]),
  )
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The engine may have other files: a seccomp profile is read here. */
async function withProfile(option: string): Promise<string> {
  const [, path = ''] = /^seccomp[=:](.+)$/.exec(option) ?? []
  if (path === '' || path === 'unconfined' || path === 'builtin') return option
  const file = await openFile(path)
  try {
    return `seccomp=${await file.readFile('utf8')}`
  } finally {
    await file.close()
  }
}

/** `--entrypoint ''` resets the image's. */
function entrypoint(flag: string | undefined): { readonly entrypoint?: readonly string[] } {
  if (flag === undefined) return {}
  return { entrypoint: flag === '' ? [] : [flag] }
}

function mounts(flags: Values): MountRequest[] {
  const all = [
    ...flags.volume.map((spec) => parseVolume(fromHere(spec))),
    ...flags.mount,
    ...flags.tmpfs.map(parseTmpfs),
  ]
  const seen = new Set<string>()
  for (const { target } of all) {
    if (seen.has(target)) throw failure('CLI_FAILED', { reason: `Duplicate mount point: ${target}` })
    seen.add(target)
  }
  return all
}

/** What is said for the whole container (`--ip`, `--network-alias`) goes to its first network. */
function networks(flags: Values): Pick<ContainerRequest, 'network' | 'endpoints'> {
  const [{ network, ...first } = { network: 'bridge' }, ...others] = [...flags.network, ...flags.net]
  const aliases = [...(first.aliases ?? []), ...flags['network-alias'], ...flags['net-alias']]
  const main: EndpointRequest = {
    ...first,
    ...defined({ ip: flags.ip, ip6: flags.ip6, mac: flags['mac-address'] }),
    ...(aliases.length > 0 && { aliases }),
  }
  const endpoints = {
    ...(Object.keys(main).length > 0 && { [network]: main }),
    ...Object.fromEntries(others.map(({ network: name, ...endpoint }) => [name, endpoint])),
  }
  return {
    network: network === 'default' ? 'bridge' : network,
    ...(Object.keys(endpoints).length > 0 && { endpoints }),
  }
}

function checkChoices(flags: Values): void {
  const { restart, hostname } = flags
  if (flags.rm && restart !== undefined && restart.name !== 'no')
    throw failure('CLI_FAILED', { reason: 'conflicting options: cannot specify both --restart and --rm' })
  if (hostname !== undefined && hostname.length > 63) {
    throw failure('CLI_FAILED', {
      reason: `invalid hostname: ${hostname.length} characters, at most 63 are allowed`,
    })
  }
}
