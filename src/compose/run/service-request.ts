import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ContainerDetails, ContainerWish, RestartPolicy } from '../../containers/containers.ts'
import { parseExpose } from '../../containers/create/parse-process-options.ts'
import type { EndpointRequest } from '../../containers/network/networks.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { failure } from '../../util/errors.ts'
import { parseDuration } from '../model/duration.ts'
import type { Project, Service } from '../model/project.ts'
import { imageName } from '../names.ts'
import { limitRequest } from './request-limits.ts'
import { mountRequests } from './request-mounts.ts'
import { portRequests } from './request-ports.ts'

export interface RequestOptions {
  /** Containers of other services, for what is shared with them. */
  readonly containerOf: (service: string) => string
  /** Whose place the new one takes. */
  readonly replaced?: ContainerDetails | undefined
}

/** What a container of the service is made of; name and labels are the caller's. COMPOSE_*. */
export async function serviceRequest(
  project: Project,
  name: string,
  service: Service,
  options: RequestOptions,
): Promise<ContainerWish> {
  const variables = Object.entries(service.environment ?? {})
  return {
    image: imageName(project, name, service),
    env: variables.flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])),
    mounts: mountRequests(project, service, options.replaced),
    ...processFields(service),
    ...sharedSpaces(service, options.containerOf),
    ...networkFields(project, name, service, options.containerOf),
    ports: hasOwnNetwork(service) ? portRequests(service) : [],
    ...limitRequest(service),
    ...healthFields(service),
    restartPolicy: restartPolicy(name, service),
    securityOptions: await Promise.all(
      (service.security_opt ?? []).map((option) => withProfile(option, project.folder)),
    ),
    logDriver: service.logging?.driver ?? 'json-file',
    logOptions: service.logging?.options ?? {},
    volumesFrom: (service.volumes_from ?? []).map((from) => volumesFrom(from, options.containerOf)),
  }
}

/** Fields that are left out where the service does not have them. */
function processFields(service: Service): Partial<ContainerWish> {
  const { command, entrypoint, stop_grace_period, shm_size, platform } = service
  const fields: { readonly [Key in keyof ContainerWish]?: ContainerWish[Key] | undefined } = {
    command: command ?? undefined,
    entrypoint: entrypoint ?? undefined,
    workingDir: service.working_dir,
    user: service.user,
    hostname: service.hostname,
    domainname: service.domainname,
    tty: service.tty,
    openStdin: service.stdin_open,
    readonlyRootfs: service.read_only,
    init: service.init,
    privileged: service.privileged,
    capAdd: service.cap_add,
    capDrop: service.cap_drop,
    stopSignal: service.stop_signal,
    stopTimeout: stop_grace_period === undefined ? undefined : seconds(stop_grace_period),
    ulimits: Object.entries(service.ulimits ?? {}).map(([name, limit]) =>
      typeof limit === 'number' ? { name, soft: limit, hard: limit } : { name, ...limit },
    ),
    shmSize: shm_size === undefined ? undefined : Number(shm_size),
    platform: platform === undefined ? undefined : parsePlatform(platform),
    annotations: service.annotations,
    cgroupns: service.cgroup,
    devices: service.devices?.map(({ source, target = source, permissions = 'rwm' }) => ({
      source,
      target,
      access: permissions,
    })),
    deviceRules: service.device_cgroup_rules,
    dns: service.dns,
    dnsOptions: service.dns_opt,
    dnsSearch: service.dns_search,
    expose: service.expose?.flatMap(parseExpose),
    extraHosts: service.extra_hosts?.map((host) => host.replace('=', ':')),
    groupAdd: service.group_add,
    oomKillDisable: service.oom_kill_disable,
    oomScoreAdj: service.oom_score_adj,
    sysctls: service.sysctls,
    uts: service.uts,
    userns: service.userns_mode,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function seconds(duration: string): number {
  return Math.ceil(Number(parseDuration(duration) ?? 0n) / 1e9)
}

/** `service:NAME` is that service's container. */
function sharedSpaces(service: Service, containerOf: RequestOptions['containerOf']): Partial<ContainerWish> {
  const resolved = (mode: string | undefined): string | undefined =>
    mode?.startsWith('service:') === true ? `container:${containerOf(mode.slice('service:'.length))}` : mode
  const [ipc, pid] = [resolved(service.ipc), resolved(service.pid)]
  return { ...(ipc !== undefined && { ipc }), ...(pid !== undefined && { pid }) }
}

/** Otherwise there is nothing to publish ports of, as for Docker. */
function hasOwnNetwork({ network_mode = '' }: Service): boolean {
  return !/^(host|none|service:.*|container:.*)$/.test(network_mode)
}

function networkFields(
  project: Project,
  name: string,
  service: Service,
  containerOf: RequestOptions['containerOf'],
): Partial<ContainerWish> {
  const { network_mode, networks = {} } = service
  if (network_mode?.startsWith('service:') === true)
    return { network: `container:${containerOf(network_mode.slice('service:'.length))}` }
  if (network_mode !== undefined) return { network: network_mode }
  const linked = aliasesByLinks(project, name)
  const chosen = Object.entries(networks).sort(
    ([a, one], [b, other]) => (other?.priority ?? 0) - (one?.priority ?? 0) || (a < b ? -1 : 1),
  )
  const endpoints = chosen.map(([key, endpoint], index): [string, EndpointRequest] => {
    const mac = endpoint?.mac_address ?? (index === 0 ? service.mac_address : undefined)
    return [
      project.networks[key]?.name ?? key,
      {
        aliases: [...new Set([name, ...(endpoint?.aliases ?? []), ...linked])],
        ...(endpoint?.ipv4_address !== undefined && { ip: endpoint.ipv4_address }),
        ...(endpoint?.ipv6_address !== undefined && { ip6: endpoint.ipv6_address }),
        ...(mac !== undefined && { mac }),
      },
    ]
  })
  return { network: endpoints[0]?.[0] ?? 'none', endpoints: Object.fromEntries(endpoints) }
}

/** `links: [db:database]` of another service: here the name is known to all members of the networks. */
function aliasesByLinks(project: Project, name: string): string[] {
  return Object.values(project.services).flatMap(({ links = [] }) =>
    links.flatMap((link) => {
      const [target, alias] = link.split(':')
      return target === name && alias !== undefined ? [alias] : []
    }),
  )
}

function healthFields({ healthcheck }: Service): Partial<ContainerWish> {
  if (healthcheck === undefined) return {}
  const { test, interval, timeout, start_period, start_interval, retries, disable } = healthcheck
  if (disable === true || test?.[0] === 'NONE') return { noHealthcheck: true }
  const nanos = (text: string): number => Number(parseDuration(text) ?? 0n)
  return {
    healthcheck: {
      ...(test !== undefined && { Test: [...test] }),
      ...(interval !== undefined && { Interval: nanos(interval) }),
      ...(timeout !== undefined && { Timeout: nanos(timeout) }),
      ...(start_period !== undefined && { StartPeriod: nanos(start_period) }),
      ...(start_interval !== undefined && { StartInterval: nanos(start_interval) }),
      ...(retries !== undefined && { Retries: retries }),
    },
  }
}

const conditions: Readonly<Record<string, RestartPolicy['name']>> = {
  none: 'no',
  'on-failure': 'on-failure',
  any: 'always',
}

function restartPolicy(service: string, { restart, deploy }: Service): RestartPolicy {
  if (restart === undefined) {
    const { condition = 'any', max_attempts = 0 } = deploy?.restart_policy ?? { condition: 'none' }
    return { name: conditions[condition] ?? 'no', maximumRetryCount: max_attempts }
  }
  const [, name, count = '0'] = /^(no|always|on-failure|unless-stopped)(?::(\d+))?$/.exec(restart) ?? []
  if (name === undefined)
    throw failure('COMPOSE_FAILED', {
      reason: `services.${service}.restart: invalid restart policy: ${restart}`,
    })
  return { name: name as RestartPolicy['name'], maximumRetryCount: Number(count) }
}

/** A profile is a file beside the compose file; the engine takes its text. */
async function withProfile(option: string, folder: string): Promise<string> {
  const [, path = ''] = /^seccomp[=:](.+)$/.exec(option) ?? []
  if (path === '' || path === 'unconfined' || path === 'builtin') return option.replace(':', '=')
  try {
    return `seccomp=${await readFile(resolve(folder, path), 'utf8')}`
  } catch (cause) {
    throw failure('COMPOSE_FAILED', { reason: `opening seccomp profile (${path}) failed` }, { cause })
  }
}

/** `SERVICE[:ro]`, `container:NAME[:ro]`. */
function volumesFrom(from: string, containerOf: RequestOptions['containerOf']): string {
  if (from.startsWith('container:')) return from.slice('container:'.length)
  const [service = '', ...mode] = from.split(':')
  return [containerOf(service), ...mode].join(':')
}
