import type { Unset, UnsetSetting } from '../../dockerfile/unset.ts'
import { everyName, unsetText } from '../../dockerfile/unset.ts'
import { parsePorts } from '../../dockerfile/values.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { escapeControl } from '../../util/errors.ts'
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

/** More names are not searched for one that was meant: that takes time for each of them. */
const comparedNames = 1000
/** No one reads more warnings, or more guesses. */
const enough = { warnings: 1000, guesses: 100 }

/** Takes settings out of a stage (B101). What it does not have becomes a warning; `prefix` says who asked. */
export function unsetIn(
  state: StageState,
  wanted: readonly Unset[],
  warnings: PlanWarning[],
  { prefix, ...place }: { readonly prefix: string; readonly line?: number },
): void {
  for (const unset of wanted) {
    const missing = remove(state, unset, warnings.length < enough.guesses)
    if (missing === undefined || warnings.length >= enough.warnings) continue
    // names may hold what variables brought
    const text = escapeControl(`${prefix} ${unsetText(unset)}: ${missing}`).replaceAll('\n', '\\n')
    warnings.push({ rule: 'UnsetNothing', message: text, ...place })
  }
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
  unsetIn(state, unset, warnings, { prefix: '--unset' })
  state.history.push({ createdBy: unsetHistory(unset) })
  return state
}

function remove(
  state: StageState,
  { setting, name = everyName }: Unset,
  mayGuess: boolean,
): string | undefined {
  switch (setting) {
    case 'env':
      return removeNames('variable', state.env, name, [name], mayGuess)
    case 'label':
      return removeNames('label', state.labels, name, [name], mayGuess)
    case 'volume':
      return removeNames('volume', state.volumes, name, [name], mayGuess)
    case 'expose':
      return removeNames('port', state.ports, name, name === everyName ? [] : portsIn(name), mayGuess)
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
  mayGuess: boolean,
): string | undefined {
  if (name === everyName) {
    const isEmpty = all.size === 0
    all.clear()
    return isEmpty ? `there is no ${what} here` : undefined
  }
  if (names.filter((one) => all.delete(one)).length > 0) return undefined
  const near = mayGuess && all.size <= comparedNames ? suggest(name, all.keys()) : undefined
  return `there is no such ${what} here${near === undefined ? '' : ` (did you mean ${near}?)`}`
}

/** `65535/tcp` */
const portLength = 9

/** Characters of the names that are looked for, where they are not written out. */
export function unsetCost({ setting, name = everyName }: Unset): number {
  const range = setting === 'expose' && name !== everyName ? parsePorts(name) : undefined
  return range === undefined || 'reason' in range ? 1 : (range.last - range.first + 1) * portLength
}

function portsIn(text: string): string[] {
  const range = parsePorts(text)
  if ('reason' in range) return []
  const count = range.last - range.first + 1
  return Array.from({ length: count }, (_, index) => `${range.first + index}/${range.protocol}`)
}
