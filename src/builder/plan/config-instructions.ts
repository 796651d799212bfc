import type {
  ArgInstruction,
  Command,
  ExposeInstruction,
  HealthcheckInstruction,
  KeyValue,
  Dockerfile,
  StageInstruction,
  UnsetInstruction,
  Word,
} from '../../dockerfile/ast.ts'
import { dockerfileError, expandAt, expandWordsAt, spend } from '../../dockerfile/located.ts'
import { readUnset, type Unset } from '../../dockerfile/unset.ts'
import { checkSignal, parsePorts } from '../../dockerfile/values.ts'
import type { Fault } from '../../dockerfile/values.ts'
import type { Healthcheck } from '../../oci/config.ts'
import type { MilleError } from '../../util/errors.ts'
import { listText, pairsText } from './created-by.ts'
import type { PlanWarning } from './image-plan.ts'
import type { Setting } from './step.ts'
import { defaultShell, lookupIn } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import { unsetCost, unsetHistory, unsetIn } from './unset.ts'

/** What reading an instruction of a stage needs beside the stage's state. */
export interface Reading {
  readonly dockerfile: Dockerfile
  /** `--build-arg`s that have a value. */
  readonly buildArgs: ReadonlyMap<string, string>
  /** Values of the global scope with the platform ARGs; a stage sees one once it declares it. */
  readonly globals: ReadonlyMap<string, string>
  /** Filled with what hinders nothing. */
  readonly warnings: PlanWarning[]
}

/** Instructions that change the image config only: no step, a history row without a layer (A06). */
export type ConfigInstruction = Exclude<StageInstruction, { kind: 'RUN' | 'COPY' | 'ADD' | 'WORKDIR' }>

/** Changes `state` as the instruction says. Errors: DOCKERFILE_INVALID with the source lines. */
export function applyConfig(reading: Reading, state: StageState, instruction: ConfigInstruction): void {
  const createdBy = change(reading, state, instruction)
  if (createdBy === undefined) return
  spend(reading.dockerfile, instruction, createdBy.length)
  state.history.push({ createdBy })
}

/** The row of history; ONBUILD has none: it is history of the images that run it. */
function change(reading: Reading, state: StageState, instruction: ConfigInstruction): string | undefined {
  const { config } = state
  const expand = (word: Word): string => expandAt(reading.dockerfile, instruction, word, lookupIn(state))
  switch (instruction.kind) {
    case 'ARG':
      return declareArgs(reading, state, instruction, expand)
    case 'ENV': {
      const pairs = expandPairs(instruction.pairs, expand)
      for (const [name, value] of pairs) {
        state.env.set(name, value)
        state.hiding.delete(name)
      }
      return pairsText('ENV', pairs)
    }
    case 'LABEL': {
      const pairs = expandPairs(instruction.pairs, expand)
      for (const [name, value] of pairs) state.labels.set(name, value)
      return pairsText('LABEL', pairs)
    }
    case 'MAINTAINER':
      state.author = instruction.author
      return `MAINTAINER ${instruction.author}`
    case 'USER':
      config.User = expand(instruction.user)
      return `USER ${config.User}`
    case 'VOLUME': {
      const paths = instruction.paths.map((word) => {
        const path = expand(word)
        if (path !== '') return path
        throw refuse(reading, instruction, word, { reason: 'the path of a volume is empty' })
      })
      for (const path of paths) state.volumes.add(path)
      return `VOLUME [${paths.join(' ')}]`
    }
    case 'EXPOSE': {
      const ports = expandPorts(reading, state, instruction)
      for (const port of ports) state.ports.add(port)
      return `EXPOSE [${ports.join(' ')}]`
    }
    case 'CMD':
      config.Cmd = commandWords(state, instruction.command)
      state.hasCmd = true
      return listText('CMD', config.Cmd)
    case 'ENTRYPOINT':
      config.Entrypoint = commandWords(state, instruction.command)
      if (!state.hasCmd) delete config.Cmd
      return listText('ENTRYPOINT', config.Entrypoint)
    case 'SHELL':
      config.Shell = instruction.args
      return `SHELL [${instruction.args.join(' ')}]`
    case 'STOPSIGNAL': {
      const signal = expand(instruction.signal)
      const fault = checkSignal(signal)
      if (fault) throw refuse(reading, instruction, instruction.signal, fault)
      config.StopSignal = signal
      return `STOPSIGNAL ${signal}`
    }
    case 'HEALTHCHECK':
      config.Healthcheck = healthcheckOf(instruction)
      return instruction.text
    case 'ONBUILD':
      config.OnBuild = [...(config.OnBuild ?? []), instruction.trigger]
      return undefined
    case 'UNSET': {
      const wanted = unsetsOf(reading, instruction, expand)
      const { line } = instruction.range.start
      unsetIn(state, wanted, reading.warnings, { prefix: 'mille:unset', line })
      return unsetHistory(wanted)
    }
  }
}

function unsetsOf(
  reading: Reading,
  instruction: UnsetInstruction,
  expand: (word: Word) => string,
): readonly Unset[] {
  return instruction.targets.map(({ setting, name, range }) => {
    const unset = readUnset(setting, name && expand(name))
    if ('reason' in unset) throw refuse(reading, instruction, { range: name?.range ?? range }, unset)
    spend(reading.dockerfile, instruction, unsetCost(unset))
    return unset
  })
}

function declareArgs(
  { buildArgs, globals }: Reading,
  state: StageState,
  { args }: ArgInstruction,
  expand: (word: Word) => string,
): string {
  const declared = args.map(({ name, value }): readonly [string, string | undefined] => {
    const key = name.text
    const fallback = value === undefined ? globals.get(key) : expand(value)
    const given = buildArgs.get(key) ?? fallback
    // at once: unlike ENV, the next name of the same instruction may use it
    state.args.set(key, given)
    if (given !== undefined && state.env.has(key)) state.hiding.add(key)
    return [key, given]
  })
  return ['ARG', ...declared.map(([name, value]) => (value === undefined ? name : `${name}=${value}`))].join(
    ' ',
  )
}

/** The error for a value that only expansion has shown to be wrong. */
export function refuse(
  { dockerfile }: Pick<Reading, 'dockerfile'>,
  instruction: StageInstruction,
  word: Pick<Word, 'range'>,
  { reason, suggestion }: Fault,
): MilleError {
  return dockerfileError(dockerfile, instruction, word.range, 'invalid-value', reason, suggestion)
}

function expandPairs(pairs: readonly KeyValue[], expand: (word: Word) => string): Setting[] {
  return pairs.map(({ name, value }) => [expand(name), expand(value)])
}

/** `65535/tcp` */
const portLength = 9

function expandPorts(reading: Reading, state: StageState, instruction: ExposeInstruction): string[] {
  const ports: string[] = []
  // as BuildKit, whose history has them sorted as they are written
  for (const word of instruction.ports.toSorted((a, b) => (a.text < b.text ? -1 : 1))) {
    const texts = expandWordsAt(reading.dockerfile, instruction, word, lookupIn(state))
    for (const text of texts) {
      const range = parsePorts(text)
      if ('reason' in range) throw refuse(reading, instruction, word, range)
      spend(reading.dockerfile, instruction, (range.last - range.first + 1) * portLength)
      for (let port = range.first; port <= range.last; port++) ports.push(`${port}/${range.protocol}`)
    }
  }
  return ports
}

/** The exec form of a command: the shell form is handed to SHELL as one argument (B08, B50). */
export function commandWords(state: StageState, command: Command): readonly string[] {
  const shell = state.config.Shell ?? defaultShell
  switch (command.form) {
    case 'exec':
      return command.args
    case 'shell':
      return [...shell, command.text]
    case 'script':
      return [...shell, command.heredoc.content]
  }
}

function healthcheckOf(instruction: HealthcheckInstruction): Healthcheck {
  const { command, interval, timeout, startPeriod, startInterval, retries } = instruction
  if (command === undefined) return { Test: ['NONE'] }
  const test =
    command.form === 'exec'
      ? ['CMD', ...command.args]
      : ['CMD-SHELL', command.form === 'shell' ? command.text : command.heredoc.content]
  return {
    Test: test,
    // zero stands for the default, which an image does not spell out
    ...(interval ? { Interval: interval } : {}),
    ...(timeout ? { Timeout: timeout } : {}),
    ...(startPeriod ? { StartPeriod: startPeriod } : {}),
    ...(startInterval ? { StartInterval: startInterval } : {}),
    ...(retries ? { Retries: retries } : {}),
  }
}
