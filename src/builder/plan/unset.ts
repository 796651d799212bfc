import type { Unset, UnsetSetting } from '../../dockerfile/unset.ts'
import { everyName, unsetText } from '../../dockerfile/unset.ts'
import { parsePorts } from '../../dockerfile/values.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { suggest } from '../../util/suggest.ts'
import type { PlanWarning } from './image-plan.ts'
import { stateOfStage, type StageState } from './stage-state.ts'

/** Settings that are one thing, by their field of the image config. */
const fields = {
  cmd: 'Cmd',
  entrypoint: 'Entrypoint',
  healthcheck: 'Healthcheck',
  shell: 'Shell',
  stopsignal: 'StopSignal',
  user: 'User',
  workdir: 'WorkingDir',
} as const satisfies Partial<Record<UnsetSetting, keyof ContainerConfig>>

/** Takes settings out of a stage (B101). Returns what it does not have, as sentences. */
export function unsetIn(state: StageState, wanted: readonly Unset[]): string[] {
  return wanted.flatMap((unset) => {
    const missing = remove(state, unset)
    return missing === undefined ? [] : `${unsetText(unset)}: ${missing}`
  })
}

/** The row of history. */
export function unsetHistory(wanted: readonly Unset[]): string {
  return ['mille:unset', ...wanted.map(unsetText)].join(' ')
}

/** The stage at its end without what nobody wants; what is not there is a warning. */
export function withoutUnset(
  stage: StageState,
  unset: readonly Unset[] = [],
  warnings: PlanWarning[],
): StageState {
  if (unset.length === 0) return stage
  const state = stateOfStage(stage)
  const missing = unsetIn(state, unset)
  warnings.push(...missing.map((text) => ({ rule: 'UnsetNothing', message: `--unset ${text}` })))
  state.history.push({ createdBy: unsetHistory(unset) })
  return state
}

function remove(state: StageState, { setting, name = everyName }: Unset): string | undefined {
  switch (setting) {
    case 'env':
      return removeNames('variable', state.env, name, [name])
    case 'label':
      return removeNames('label', state.labels, name, [name])
    case 'volume':
      return removeNames('volume', state.volumes, name, [name])
    case 'expose':
      return removeNames('port', state.ports, name, name === everyName ? [] : portsIn(name))
    default:
      return removeField(state.config, setting)
  }
}

function removeField(config: StageState['config'], setting: keyof typeof fields): string | undefined {
  const field = fields[setting]
  const isThere = config[field] !== undefined && config[field] !== ''
  delete config[field]
  return isThere ? undefined : `there is no ${setting} here`
}

/** Missing is what names nothing at all; of a range of ports one is enough. */
function removeNames(
  what: string,
  all: Pick<Set<string>, 'delete' | 'clear' | 'size'> & { keys(): Iterable<string> },
  name: string,
  names: readonly string[],
): string | undefined {
  if (name === everyName) {
    const isEmpty = all.size === 0
    all.clear()
    return isEmpty ? `there is no ${what} here` : undefined
  }
  const near = suggest(name, all.keys())
  if (names.filter((one) => all.delete(one)).length > 0) return undefined
  return `there is no such ${what} here${near === undefined ? '' : ` (did you mean ${near}?)`}`
}

function portsIn(text: string): string[] {
  const range = parsePorts(text)
  if ('reason' in range) return []
  const count = range.last - range.first + 1
  return Array.from({ length: count }, (_, index) => `${range.first + index}/${range.protocol}`)
}
