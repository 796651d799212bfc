import type { ContainerRequest, ContainerWish, PortRequest } from '../../containers/containers.ts'
import { parseExpose } from '../../containers/create/parse-process-options.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerCreateBody, HostConfigBody } from '../types/container-create.ts'
import type { EndpointBody } from '../types/endpoint-fields.ts'
import { toEndpointRequest } from './endpoint-request.ts'
import { given } from './given.ts'
import { limitsWish } from './limits-wish.ts'
import { toRestartPolicy } from './restart-policy.ts'
import { checked, runtimeWish } from './runtime-wish.ts'
import { refuseUnsupported } from './unsupported-fields.ts'
import { toMountRequests } from './mount-requests.ts'

/** What a client asks for in the words of the engine. INVALID_ARGUMENT, NOT_IMPLEMENTED name the field. */
export function toContainerWish(body: ContainerCreateBody | undefined): ContainerWish {
  if (!body?.Image) {
    throw failure('INVALID_ARGUMENT', { reason: 'config cannot be empty in order to create a container' })
  }
  const host = body.HostConfig ?? {}
  refuseUnsupported(body, host)
  refuseNegative(host)
  return {
    image: body.Image,
    ...commandOf(body),
    env: body.Env ?? [],
    labels: body.Labels ?? {},
    tty: body.Tty ?? false,
    openStdin: body.OpenStdin ?? false,
    stdinOnce: body.StdinOnce ?? false,
    attached: attachedStreams(body),
    expose: Object.keys(body.ExposedPorts ?? {}).flatMap((port) => checked(() => parseExpose(port))),
    ...given({
      workingDir: body.WorkingDir || undefined,
      user: body.User || undefined,
      hostname: body.Hostname || undefined,
      domainname: body.Domainname || undefined,
      stopSignal: body.StopSignal || undefined,
      stopTimeout: body.StopTimeout,
      noHealthcheck: body.Healthcheck?.Test?.[0] === 'NONE' || undefined,
      healthcheck: body.Healthcheck,
    }),
    ...hostWish(host),
    mounts: toMountRequests(body, host),
    ...networksOf(body, host),
  }
}

function attachedStreams(body: ContainerCreateBody): NonNullable<ContainerRequest['attached']> {
  const { AttachStdin, AttachStdout, AttachStderr } = body
  return [
    ...(AttachStdin === true ? (['stdin'] as const) : []),
    ...(AttachStdout === true ? (['stdout'] as const) : []),
    ...(AttachStderr === true ? (['stderr'] as const) : []),
  ]
}

function hostWish(host: HostConfigBody): Partial<ContainerRequest> {
  return {
    ports: portRequests(host.PortBindings),
    publishAll: host.PublishAllPorts ?? false,
    extraHosts: host.ExtraHosts ?? [],
    dns: host.Dns ?? [],
    readonlyRootfs: host.ReadonlyRootfs ?? false,
    init: host.Init ?? false,
    privileged: host.Privileged ?? false,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    securityOptions: securityOptions(host),
    autoRemove: host.AutoRemove ?? false,
    logDriver: host.LogConfig?.Type || 'json-file',
    logOptions: host.LogConfig?.Config ?? {},
    ulimits: (host.Ulimits ?? []).map((limit) => ({
      name: limit.Name ?? '',
      soft: limit.Soft ?? 0,
      hard: limit.Hard ?? 0,
    })),
    ...runtimeWish(host),
    ...limitsWish(host),
    ...given({
      restartPolicy: toRestartPolicy(host.RestartPolicy),
      volumesFrom: host.VolumesFrom,
      memorySwappiness: host.MemorySwappiness === -1 ? undefined : host.MemorySwappiness,
      shmSize: host.ShmSize || undefined,
    }),
  }
}

function refuseNegative(host: HostConfigBody): void {
  for (const field of [
    'Memory',
    'MemoryReservation',
    'NanoCpus',
    'CpuShares',
    'ShmSize',
    'CpuPeriod',
  ] as const) {
    const value = host[field] ?? 0
    if (value < 0)
      throw failure('INVALID_ARGUMENT', { reason: `HostConfig.${field} must not be negative: ${value}` })
  }
}

function commandOf({ Cmd, Entrypoint }: ContainerCreateBody): Partial<ContainerRequest> {
  return {
    ...(Cmd !== undefined && Cmd.length > 0 && { command: Cmd }),
    // one empty word takes the image's away
    ...(Entrypoint !== undefined && { entrypoint: Entrypoint.join('') === '' ? [] : Entrypoint }),
  }
}

/** `systempaths=unconfined` comes as two empty lists. */
function securityOptions({ SecurityOpt, MaskedPaths, ReadonlyPaths }: HostConfigBody): readonly string[] {
  const open = MaskedPaths?.length === 0 && ReadonlyPaths?.length === 0
  return [...(SecurityOpt ?? []), ...(open ? ['systempaths=unconfined'] : [])]
}

function networksOf(
  body: ContainerCreateBody,
  { NetworkMode }: HostConfigBody,
): Pick<ContainerRequest, 'network' | 'endpoints'> {
  const mode = NetworkMode || 'default'
  const endpoints = Object.entries(withMacAddress(body, mode)).map(
    ([name, one]) => [name, toEndpointRequest(one, `NetworkingConfig.EndpointsConfig.${name}.`)] as const,
  )
  return {
    network: mode === 'default' ? 'bridge' : mode,
    ...(endpoints.length > 0 && { endpoints: Object.fromEntries(endpoints) }),
  }
}

/** Before API 1.44 the address of the main network's endpoint stood beside the networks. */
function withMacAddress(
  { MacAddress: mac, NetworkingConfig }: ContainerCreateBody,
  main: string,
): Readonly<Record<string, EndpointBody>> {
  const endpoints = NetworkingConfig?.EndpointsConfig ?? {}
  if (!mac) return endpoints
  const { [main]: endpoint } = endpoints
  if (endpoint?.MacAddress && endpoint.MacAddress !== mac) {
    const reason =
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty'
    throw failure('INVALID_ARGUMENT', { reason })
  }
  return { ...endpoints, [main]: { ...endpoint, MacAddress: mac } }
}

function portRequests(bindings: HostConfigBody['PortBindings']): PortRequest[] {
  return Object.entries(bindings ?? {}).flatMap(([key, hosts]) => {
    const [, port, protocol = 'tcp'] = /^(\d{1,5})(?:\/(\w+))?$/.exec(key) ?? []
    if (port === undefined || (protocol !== 'tcp' && protocol !== 'udp')) {
      throw failure('INVALID_ARGUMENT', { reason: `invalid port specification: "${key}"` })
    }
    return (hosts ?? []).map(({ HostIp, HostPort }) => ({
      hostIp: HostIp ?? '',
      ...hostPorts(HostPort ?? ''),
      containerPort: Number(port),
      protocol,
    }))
  })
}

/** `8080`, `8000-8010` for the first free one of them, or nothing for any. */
function hostPorts(text: string): Pick<PortRequest, 'hostPort' | 'lastHostPort'> {
  if (text === '') return { hostPort: 0 }
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const [hostPort, lastHostPort] = [Number(first), Number(last ?? first)]
  if (!(hostPort <= lastHostPort && lastHostPort <= 65_535))
    throw failure('INVALID_ARGUMENT', { reason: `invalid HostPort: "${text}"` })
  return lastHostPort === hostPort ? { hostPort } : { hostPort, lastHostPort }
}
