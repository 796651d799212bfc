import { suggest } from '../util/suggest.ts'
import { type Fault, parsePorts } from './values.ts'

/** Settings of an image that can be taken out of it again, by the names of their instructions. */
export const unsetSettings = [
  'cmd',
  'entrypoint',
  'env',
  'expose',
  'healthcheck',
  'label',
  'shell',
  'stopsignal',
  'user',
  'volume',
  'workdir',
] as const

export type UnsetSetting = (typeof unsetSettings)[number]

/** What of a setting goes; those that are one thing have no name. */
export interface Unset {
  readonly setting: UnsetSetting
  /** Of a variable or label, a path, a port with or without protocol; `*` for all of them. */
  readonly name?: string
}

export const everyName = '*'

const exampleNames: Readonly<Partial<Record<UnsetSetting, string>>> = {
  env: 'NAME',
  expose: '80/tcp',
  label: 'NAME',
  volume: '/data',
}

/** A fault, and which side of the `=` is to blame. */
export interface UnsetFault extends Fault {
  readonly part: 'setting' | 'name'
}

/** Reads `volume=/data` or `entrypoint`, split at its `=`. */
export function readUnset(setting: string, name: string | undefined): Unset | UnsetFault {
  const known = unsetSettings.find((one) => one === setting)
  if (known === undefined) {
    const near = suggest(setting, unsetSettings)
    const reason = `there is no setting "${setting}" to unset`
    if (near !== undefined) return { part: 'setting', reason, suggestion: near }
    return { part: 'setting', reason: `${reason}: known are ${unsetSettings.join(', ')}` }
  }
  const example = exampleNames[known]
  if (example === undefined) {
    if (name === undefined) return { setting: known }
    return { part: 'name', reason: `${known} is one thing and takes no name` }
  }
  if (name === undefined || name === '') {
    const reason = `${known} needs a name: ${known}=${example}, or ${known}=${everyName} for all`
    return { part: 'setting', reason }
  }
  if (known === 'expose' && name !== everyName) {
    const ports = parsePorts(name)
    if ('reason' in ports) return { part: 'name', ...ports }
  }
  return { setting: known, name }
}

/** As it is written. */
export function unsetText({ setting, name }: Unset): string {
  return name === undefined ? setting : `${setting}=${name}`
}
