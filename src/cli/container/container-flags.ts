import type { MountRequest, RestartPolicy } from '../../containers/containers.ts'
import type { Platform } from '../../oci/platform.ts'
import { type Flag, integer, list, parsed, parsedList, text, toggle } from '../flags/flag.ts'
import { labels, variables } from '../flags/pair-lists.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { type NetworkChoice, parseNetwork } from '../input/parse-network.ts'
import { parseRestartPolicy } from '../input/parse-restart-policy.ts'
import { parseUlimit, type UlimitRequest } from '../input/parse-ulimit.ts'
import { parseMount } from '../input/parse-mount.ts'
import { healthFlags, type HealthFlags } from './health-flags.ts'
import { processFlags, unsupportedFlags, type ProcessFlags } from './process-flags.ts'

function parseCpus(value: string): number {
  if (!/^\d*\.?\d+$/.test(value) || Number(value) <= 0)
    throw new Error(`failed to parse ${value} as a positive number`)
  return Number(value)
}

function parseSwap(value: string): number {
  return value === '-1' ? -1 : parseBytes(value)
}

function parsePull(value: string): PullPolicy {
  if (value === 'always' || value === 'missing' || value === 'never') return value
  throw new Error('must be one of "always", "missing", "never"')
}

export type PullPolicy = 'always' | 'missing' | 'never'

type SharedFlags = ProcessFlags & HealthFlags

/** The table of `containerFlags`. */
export type ContainerFlags = SharedFlags & {
  readonly 'add-host': Flag<readonly string[]>
  readonly attach: Flag<readonly string[]>
  readonly 'cap-add': Flag<readonly string[]>
  readonly 'cap-drop': Flag<readonly string[]>
  readonly cidfile: Flag<string | undefined>
  readonly 'cpu-period': Flag<number | undefined>
  readonly 'cpu-quota': Flag<number | undefined>
  readonly 'cpu-shares': Flag<number | undefined>
  readonly cpus: Flag<number | undefined>
  readonly 'cpuset-cpus': Flag<string | undefined>
  readonly 'cpuset-mems': Flag<string | undefined>
  readonly 'disable-content-trust': Flag<boolean>
  readonly dns: Flag<readonly string[]>
  readonly entrypoint: Flag<string | undefined>
  readonly env: Flag<readonly string[]>
  readonly 'env-file': Flag<readonly string[]>
  readonly hostname: Flag<string | undefined>
  readonly init: Flag<boolean>
  readonly interactive: Flag<boolean>
  readonly label: Flag<readonly string[]>
  readonly 'label-file': Flag<readonly string[]>
  readonly 'log-driver': Flag<string | undefined>
  readonly 'log-opt': Flag<readonly string[]>
  readonly memory: Flag<number | undefined>
  readonly 'memory-swap': Flag<number | undefined>
  readonly 'memory-reservation': Flag<number | undefined>
  readonly 'memory-swappiness': Flag<number | undefined>
  readonly mount: Flag<readonly MountRequest[]>
  readonly name: Flag<string | undefined>
  readonly ip: Flag<string | undefined>
  readonly ip6: Flag<string | undefined>
  readonly 'mac-address': Flag<string | undefined>
  readonly network: Flag<readonly NetworkChoice[]>
  readonly net: Flag<readonly NetworkChoice[]>
  readonly 'network-alias': Flag<readonly string[]>
  readonly 'net-alias': Flag<readonly string[]>
  readonly 'pids-limit': Flag<number | undefined>
  readonly platform: Flag<Platform | undefined>
  readonly privileged: Flag<boolean>
  readonly publish: Flag<readonly string[]>
  readonly 'publish-all': Flag<boolean>
  readonly pull: Flag<PullPolicy | undefined>
  readonly quiet: Flag<boolean>
  readonly 'read-only': Flag<boolean>
  readonly restart: Flag<RestartPolicy | undefined>
  readonly rm: Flag<boolean>
  readonly 'security-opt': Flag<readonly string[]>
  readonly 'shm-size': Flag<number | undefined>
  readonly 'stop-signal': Flag<string | undefined>
  readonly 'stop-timeout': Flag<number | undefined>
  readonly tmpfs: Flag<readonly string[]>
  readonly tty: Flag<boolean>
  readonly ulimit: Flag<readonly UlimitRequest[]>
  readonly user: Flag<string | undefined>
  readonly volume: Flag<readonly string[]>
  readonly 'volumes-from': Flag<readonly string[]>
  readonly workdir: Flag<string | undefined>
}

function parseStream(value: string): string {
  const name = value.toLowerCase()
  if (name === 'stdin' || name === 'stdout' || name === 'stderr') return name
  throw new Error('valid streams are STDIN, STDOUT and STDERR')
}

/** Flags that `run` and `create` share. */
export const containerFlags: ContainerFlags = {
  ...unsupportedFlags,
  ...processFlags,
  ...healthFlags,
  'add-host': list('Add a custom host-to-IP mapping (host:ip)'),
  attach: parsedList('Attach to STDIN, STDOUT or STDERR', parseStream, { short: 'a' }),
  'cap-add': list('Add Linux capabilities'),
  'cap-drop': list('Drop Linux capabilities'),
  cidfile: text('Write the container ID to the file'),
  'cpu-period': integer('Limit CPU CFS (Completely Fair Scheduler) period (microseconds)'),
  'cpu-quota': integer('Limit CPU CFS (Completely Fair Scheduler) quota (microseconds)'),
  'cpu-shares': integer('CPU shares (relative weight)', { short: 'c' }),
  cpus: parsed('Number of CPUs', parseCpus, { type: 'decimal' }),
  'cpuset-cpus': text('CPUs in which to allow execution (0-3, 0,1)'),
  'cpuset-mems': text('MEMs in which to allow execution (0-3, 0,1)'),
  'disable-content-trust': toggle('Accepted for compatibility', { initial: true, hidden: true }),
  dns: list('Set custom DNS servers'),
  entrypoint: text('Overwrite the default ENTRYPOINT of the image'),
  env: variables('Set environment variables'),
  'env-file': list('Read in a file of environment variables'),
  hostname: text('Container host name', { short: 'h' }),
  init: toggle('Run an init inside the container that forwards signals and reaps processes'),
  interactive: toggle('Keep STDIN open even if not attached', { short: 'i' }),
  label: labels('Set meta data on a container', { short: 'l' }),
  'label-file': list('Read in a line delimited file of labels'),
  'log-driver': text('Logging driver for the container: json-file, local or none'),
  'log-opt': list('Log driver options: max-size, max-file'),
  memory: parsed('Memory limit', parseBytes, { short: 'm', type: 'bytes' }),
  'memory-swap': parsed("Memory plus swap: '-1' to enable unlimited swap", parseSwap, { type: 'bytes' }),
  'memory-reservation': parsed('Memory soft limit', parseBytes, { type: 'bytes' }),
  'memory-swappiness': integer('Tune container memory swappiness (0 to 100)'),
  mount: parsedList('Attach a filesystem mount to the container', parseMount, { type: 'mount' }),
  name: text('Assign a name to the container'),
  ip: text('IPv4 address (e.g., 172.30.100.104)'),
  ip6: text('IPv6 address (e.g., 2001:db8::33)'),
  'mac-address': text('Container MAC address (e.g., 92:d0:c6:0a:29:33)'),
  network: parsedList('Connect a container to a network', parseNetwork, { type: 'network' }),
  net: parsedList('As --network', parseNetwork, { type: 'network', hidden: true }),
  'network-alias': list('Add network-scoped alias for the container'),
  'net-alias': list('As --network-alias', { hidden: true }),
  'no-healthcheck': toggle('Disable any container-specified HEALTHCHECK'),
  'pids-limit': integer('Tune container pids limit (set -1 for unlimited)'),
  platform: platformFlag('Platform of the image: os[/arch[/variant]]'),
  privileged: toggle('Give extended privileges to this container'),
  publish: list("Publish a container's port(s) to the host", { short: 'p' }),
  'publish-all': toggle('Publish all exposed ports to random ports', { short: 'P' }),
  pull: parsed('Pull image before running ("always", "missing", "never")', parsePull),
  quiet: toggle('Suppress the pull output', { short: 'q' }),
  'read-only': toggle("Mount the container's root filesystem as read only"),
  restart: parsed('Restart policy to apply when a container exits', parseRestartPolicy),
  rm: toggle('Automatically remove the container and its anonymous volumes when it exits'),
  'security-opt': list('Security options: seccomp=FILE|unconfined, no-new-privileges'),
  'shm-size': parsed('Size of /dev/shm', parseBytes, { type: 'bytes' }),
  'stop-signal': text('Signal to stop the container'),
  'stop-timeout': integer('Timeout (in seconds) to stop a container'),
  tmpfs: list('Mount a tmpfs directory'),
  tty: toggle('Allocate a pseudo-TTY', { short: 't' }),
  ulimit: parsedList('Ulimit options', parseUlimit, { type: 'ulimit' }),
  user: text('Username or UID (format: <name|uid>[:<group|gid>])', { short: 'u' }),
  volume: list('Bind mount a volume', { short: 'v' }),
  'volumes-from': list('Mount volumes from the specified container(s)'),
  workdir: text('Working directory inside the container', { short: 'w' }),
}
