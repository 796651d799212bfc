import type { ContainerConfig } from '../../oci/config.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import { checkHealthcheck, mergeHealthcheck } from '../life/health.ts'
import { parseSignal } from '../life/signals.ts'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * What a container runs: the image's config under the request. A command replaces CMD and keeps ENTRYPOINT; an
 * entrypoint replaces both (A21, A22, B49). NO_COMMAND when nothing is left to run; SIGNAL_INVALID.
 */
export function mergeConfig(image: ContainerConfig, request: ContainerRequest): ContainerConfig {
  const entrypoint = request.entrypoint ?? image.Entrypoint ?? []
  const command = request.command ?? (request.entrypoint === undefined ? image.Cmd : undefined) ?? []
  const exposed = [
    ...Object.keys(image.ExposedPorts ?? {}),
    ...request.ports.map(portKey),
    ...(request.expose ?? []),
  ]
  if (request.stopSignal !== undefined) parseSignal(request.stopSignal)
  const healthcheck = mergeHealthcheck(image.Healthcheck, request.healthcheck)
  checkHealthcheck(request.healthcheck)
  const merged: ContainerConfig = {
    ...image,
    Entrypoint: entrypoint,
    Cmd: command,
    Env: mergeEnv(image.Env ?? [], request),
    Labels: { ...image.Labels, ...request.labels },
    WorkingDir: request.workingDir ?? image.WorkingDir ?? '',
    User: request.user ?? image.User ?? '',
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    ...(healthcheck && { Healthcheck: healthcheck }),
    ...(request.noHealthcheck === true && { Healthcheck: { Test: ['NONE'] } }),
    ...(request.stopSignal !== undefined && { StopSignal: request.stopSignal }),
  }
  if (commandLine(merged).length === 0) throw failure('NO_COMMAND', {})
  return merged
}

/** ENTRYPOINT and CMD joined: argv of the process. */
export function commandLine(config: ContainerConfig): readonly string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
}

function portKey({ containerPort, protocol }: ContainerRequest['ports'][number]): string {
  return `${containerPort}/${protocol}`
}

/** The request's values win by name and keep the image's order; `K` alone removes an inherited K. */
function mergeEnv(image: readonly string[], request: ContainerRequest): string[] {
  const env = new Map<string, string>()
  const add = (line: string): unknown => {
    const equals = line.indexOf('=')
    if (/[\0\n]/.test(equals < 0 ? line : line.slice(0, equals)) || line.includes('\0')) {
      // a NUL would end the string early in the kernel, a newline in a name would forge another variable
      throw failure('INVALID_ARGUMENT', { reason: `invalid environment variable: ${JSON.stringify(line)}` })
    }
    return equals < 0 ? env.delete(line) : env.set(line.slice(0, equals), line)
  }
  add(defaultPath)
  for (const line of image) add(line)
  if (request.tty) add('TERM=xterm')
  for (const line of request.env) {
    if (line === '' || line.startsWith('='))
      throw failure('INVALID_ARGUMENT', { reason: `invalid environment variable: ${line}` })
    add(line)
  }
  return [...env.values()]
}
