import { buildShape, ulimits } from './build-shape.ts'
import { deployShape } from './deploy-shape.ts'
import { fileReferenceShape } from './file-reference.ts'
import { developShape } from './develop-shape.ts'
import { commandShape, hookShape } from './hook-shape.ts'
import { extraHosts } from './extra-hosts.ts'
import { mountShape } from './mount-shape.ts'
import { portShape } from './port-shape.ts'
import { bytes, duration, path } from './scalars.ts'
import type { Dependency, Device, EnvFile, Extends, Healthcheck, Service, ServiceNetwork } from './service.ts'
import {
  anything,
  decimal,
  flatListOf,
  integer,
  invalid,
  isMapping,
  listOf,
  listOrOne,
  loose,
  mapOf,
  mapped,
  orNull,
  pairs,
  record,
  shortOr,
  text,
  toggle,
  word,
  type Shape,
} from './shape.ts'

const labels = pairs('')
const texts = listOf(loose)

const dependency: Shape<Dependency> = mapped(
  record<Partial<Dependency> & Pick<Dependency, 'condition'>>(
    {
      condition: word('service_started', 'service_healthy', 'service_completed_successfully'),
      restart: toggle,
      required: toggle,
    },
    { required: ['condition'] },
  ),
  (given) => ({ ...given, required: given.required ?? true }),
)

/** Names, or names with more about each: `short` says what a name alone means. */
function named<Value>(long: Shape<Value>, short: Value): Shape<Readonly<Record<string, Value>>> {
  const names = listOf(text)
  return {
    read: (value, place) =>
      isMapping(value)
        ? mapOf(long).read(value, place)
        : Object.fromEntries(names.read(value, place).map((name) => [name, short])),
  }
}

const network: Shape<ServiceNetwork | null> = orNull(
  record<ServiceNetwork>({
    aliases: texts,
    driver_opts: mapOf(loose),
    gw_priority: decimal,
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: texts,
    mac_address: text,
    priority: decimal,
  }),
)

const healthcheck: Shape<Healthcheck> = record<Healthcheck>({
  test: {
    read(value, place) {
      if (typeof value === 'string') return ['CMD-SHELL', value]
      const test = listOf(text).read(value, place)
      if (test[0] === undefined || ['CMD', 'CMD-SHELL', 'NONE'].includes(test[0])) return test
      throw invalid(place, 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"')
    },
  },
  timeout: duration,
  interval: duration,
  retries: integer,
  start_period: duration,
  start_interval: duration,
  disable: toggle,
})

const envFile: Shape<EnvFile> = shortOr(
  record<EnvFile>({ path, required: toggle, format: text }, { required: ['path'] }),
  (value, place) => ({ path: path.read(value, place) }),
)

const device: Shape<Device> = shortOr(
  record<Device>({ source: text, target: text, permissions: text }, { required: ['source'] }),
  (value, place) => {
    const [source = '', target = source, permissions = 'rwm', more] = text.read(value, place).split(':')
    if (source === '' || more !== undefined)
      throw invalid(
        place,
        `${place.path}: confusing device mapping, please use long syntax: ${String(value)}`,
      )
    return { source, target, permissions }
  },
)

const extendsShape: Shape<Extends> = shortOr(
  record<Extends>({ file: path, service: text }, { required: ['service'] }),
  (value, place) => ({ service: text.read(value, place) }),
)

/** `2000-2010/udp` is each of them. */
const expose: Shape<readonly string[]> = {
  read(value, place) {
    const port = loose.read(value, place)
    const [, first, last = first, protocol = ''] = /^(\d+)(?:-(\d+))?(\/(?:tcp|udp|sctp))?$/.exec(port) ?? []
    if (first === undefined || Number(last) < Number(first) || Number(last) > 65_535)
      throw invalid(place, `${place.path}: invalid port: ${port}`)
    if (last === first) return [port]
    return [`${first}-${last}${protocol}`]
  },
}

/** Fields in the order in which `config` prints them. */
export const serviceShape: Shape<Service> = record<Service>({
  profiles: texts,
  annotations: labels,
  attach: toggle,
  build: buildShape,
  develop: developShape,
  blkio_config: anything,
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: integer,
  cpu_percent: decimal,
  cpu_period: integer,
  cpu_quota: integer,
  cpu_rt_period: anything,
  cpu_rt_runtime: anything,
  cpus: decimal,
  cpuset: loose,
  cpu_shares: integer,
  command: orNull(commandShape),
  configs: listOf(fileReferenceShape),
  container_name: text,
  credential_spec: anything,
  depends_on: named(dependency, { condition: 'service_started', required: true }),
  deploy: deployShape,
  device_cgroup_rules: texts,
  devices: listOf(device),
  dns: listOrOne(text),
  dns_opt: texts,
  dns_search: listOrOne(text),
  domainname: text,
  entrypoint: orNull(commandShape),
  provider: anything,
  environment: pairs(null),
  env_file: listOrOne(envFile),
  expose: flatListOf(expose),
  extends: extendsShape,
  external_links: texts,
  extra_hosts: extraHosts,
  group_add: texts,
  gpus: mapped(anything, (value) => (value === 'all' ? [{ count: -1 }] : value)),
  hostname: text,
  healthcheck,
  image: text,
  init: toggle,
  ipc: text,
  isolation: text,
  labels,
  label_file: listOrOne(path),
  links: texts,
  logging: record<NonNullable<Service['logging']>>({ driver: text, options: mapOf(loose) }),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: bytes,
  mac_address: text,
  models: anything,
  network_mode: text,
  networks: named(network, null),
  oom_kill_disable: toggle,
  oom_score_adj: integer,
  pid: text,
  pids_limit: integer,
  platform: text,
  ports: flatListOf(portShape),
  privileged: toggle,
  pull_policy: text,
  pull_refresh_after: text,
  read_only: toggle,
  restart: text,
  runtime: text,
  scale: integer,
  secrets: listOf(fileReferenceShape),
  security_opt: texts,
  shm_size: bytes,
  stdin_open: toggle,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: anything,
  sysctls: labels,
  tmpfs: listOrOne(text),
  tty: toggle,
  ulimits,
  use_api_socket: toggle,
  user: loose,
  userns_mode: text,
  uts: text,
  volumes: listOf(mountShape),
  volumes_from: texts,
  working_dir: text,
  post_start: listOf(hookShape),
  pre_stop: listOf(hookShape),
})
