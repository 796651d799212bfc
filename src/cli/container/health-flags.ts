import type { ContainerRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import { type Flag, type FlagValues, integer, parsed, text, toggle } from '../flags/flag.ts'
import { parseDuration } from '../input/parse-time.ts'

/** The table of `healthFlags`; durations in nanoseconds. */
export type HealthFlags = {
  readonly 'health-cmd': Flag<string | undefined>
  readonly 'health-interval': Flag<number | undefined>
  readonly 'health-retries': Flag<number | undefined>
  readonly 'health-start-interval': Flag<number | undefined>
  readonly 'health-start-period': Flag<number | undefined>
  readonly 'health-timeout': Flag<number | undefined>
  readonly 'no-healthcheck': Flag<boolean>
}

/** Flags of `run` and `create` about health checks. */
export const healthFlags: HealthFlags = {
  'health-cmd': text('Command to run to check health'),
  'health-interval': duration('Time between running the check (ms|s|m|h) (default 30s)'),
  'health-retries': integer('Consecutive failures needed to report unhealthy (default 3)'),
  'health-start-interval': duration('Time between running the check during the start period (default 5s)'),
  'health-start-period': duration('Time for the container to initialize before failures count'),
  'health-timeout': duration('Maximum time to allow one check to run (default 30s)'),
  'no-healthcheck': toggle('Disable any container-specified HEALTHCHECK'),
}

function duration(help: string): Flag<number | undefined> {
  const parse = (value: string): number => {
    const nanos = parseDuration(value)
    if (nanos === undefined) throw new Error(`time: invalid duration "${value}"`)
    return Number(nanos)
  }
  return parsed(help, parse, { type: 'duration' })
}

/** What they ask for. CLI_FAILED. */
export function healthRequest(
  flags: FlagValues<HealthFlags>,
): Pick<ContainerRequest, 'healthcheck' | 'noHealthcheck'> {
  const { 'no-healthcheck': none, 'health-cmd': command = '', ...numbers } = flags
  // the table holds other flags too, and -1 means something to many of them
  for (const [name, value] of Object.entries(numbers)) {
    if (name.startsWith('health-') && Number(value ?? 0) < 0)
      throw failure('CLI_FAILED', { reason: `--${name} cannot be negative` })
  }
  const healthcheck = {
    ...(command !== '' && { Test: ['CMD-SHELL', command] }),
    ...of('Interval', flags['health-interval']),
    ...of('Timeout', flags['health-timeout']),
    ...of('StartPeriod', flags['health-start-period']),
    ...of('StartInterval', flags['health-start-interval']),
    ...of('Retries', flags['health-retries']),
  }
  const isGiven = Object.keys(healthcheck).length > 0
  if (none && isGiven)
    throw failure('CLI_FAILED', { reason: '--no-healthcheck conflicts with --health-* options' })
  return { ...(none && { noHealthcheck: true }), ...(isGiven && { healthcheck }) }
}

function of<Name extends string>(name: Name, value: number | undefined): { readonly [Key in Name]?: number } {
  return value ? ({ [name]: value } as { readonly [Key in Name]?: number }) : {}
}
