import type { Healthcheck } from '../../oci/config.ts'
import type { HealthCheck } from '../../runtime/health/health-state.ts'
import { failure, messageOf } from '../../util/errors.ts'
import { recordEvent } from '../container-events.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer, type ContainerData, type ContainerRow } from '../record.ts'

/** Docker's, in milliseconds, where neither image nor request say. */
const defaults = {
  interval: 30_000,
  timeout: 30_000,
  startPeriod: 0,
  startInterval: 5000,
  retries: 3,
} as const
const nanosPerMilli = 1e6

/** The request's fields over the image's; what is zero was not given. */
export function mergeHealthcheck(
  image: Healthcheck | undefined,
  request: Healthcheck | undefined,
): Healthcheck | undefined {
  if (request === undefined) return image
  const given = Object.entries(request).filter(([name, value]) =>
    name === 'Test' ? (value as readonly string[]).length > 0 : value !== 0,
  )
  return { ...image, ...Object.fromEntries(given) }
}

/** HEALTHCHECK_INVALID, in Docker's words. */
export function checkHealthcheck(check: Healthcheck | undefined): void {
  for (const name of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const nanos = check?.[name] ?? 0
    if (nanos !== 0 && nanos < nanosPerMilli)
      throw failure('HEALTHCHECK_INVALID', { reason: `${name} in Healthcheck cannot be less than 1ms` })
  }
  if ((check?.Retries ?? 0) < 0)
    throw failure('HEALTHCHECK_INVALID', { reason: 'Retries in Healthcheck cannot be negative' })
}

/** The command of one probe; undefined when there is none. */
function probeOf({
  Healthcheck: check,
  Shell: shell = ['/bin/sh', '-c'],
}: ContainerData['config']): readonly string[] | undefined {
  const [kind, ...words] = check?.Test ?? []
  if (words.length === 0) return undefined
  if (kind === 'CMD') return words
  return kind === 'CMD-SHELL' ? [...shell, ...words] : undefined
}

export function hasHealthcheck({ config }: ContainerData): boolean {
  return config.Healthcheck !== undefined && probeOf(config) !== undefined
}

/** Begins the health checks of a running container, if it has any and they do not run. A container is no worse for a check that cannot run. */
export function watchHealth(parts: ContainerParts, { id, name, data }: ContainerRow): void {
  const args = probeOf(data.config)
  if (args === undefined) return
  try {
    parts.runtime.watchHealth(handleOf(parts, id), healthCheck(parts, id, data, args))
  } catch (error) {
    parts.warn?.(`the health checks of ${name} cannot run: ${messageOf(error)}`)
  }
}

function healthCheck(
  parts: ContainerParts,
  id: string,
  { config, request, hostname, startedAt }: ContainerData,
  args: readonly string[],
): HealthCheck {
  const { Interval, Timeout, StartPeriod, StartInterval, Retries } = config.Healthcheck ?? {}
  const milliseconds = (nanos: number | undefined, usual: number): number =>
    nanos === undefined || nanos <= 0 ? usual : nanos / nanosPerMilli
  return {
    process: {
      args,
      env: [`HOSTNAME=${hostname}`, ...(config.Env ?? [])],
      cwd: config.WorkingDir || '/',
      user: config.User ?? '',
      tty: false,
      ...(request.groupAdd && { groupAdd: request.groupAdd }),
    },
    interval: milliseconds(Interval, defaults.interval),
    timeout: milliseconds(Timeout, defaults.timeout),
    startPeriod: milliseconds(StartPeriod, defaults.startPeriod),
    startInterval: milliseconds(StartInterval, defaults.startInterval),
    startedAt,
    retries: Retries === undefined || Retries <= 0 ? defaults.retries : Retries,
    onChange: parts.command(['container', 'health', id]),
  }
}

/** Tells a change that the process which runs the probes has seen. */
export function recordHealth(parts: ContainerParts, id: string, status: string): void {
  recordEvent(parts, getContainer(parts.store, id), `health_status: ${status}`)
}
