import { addSources, refuseUrls } from './add-sources.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { posix } from 'node:path'
import type {
  AddInstruction,
  CopyInstruction,
  Heredoc,
  SourceRange,
  StageInstruction,
  Word,
  WorkdirInstruction,
} from '../../dockerfile/ast.ts'
import { expandHeredoc, findVariables } from '../../dockerfile/expand.ts'
import { checkMode, checkOwner, checkPattern } from '../../dockerfile/values.ts'
import type { Fault } from '../../dockerfile/values.ts'
import { expandAt } from '../../dockerfile/located.ts'
import { refuse } from './config-instructions.ts'
import type { Reading } from './config-instructions.ts'
import { isMilleError } from '../../util/errors.ts'
import { copyText } from './created-by.ts'
import { lookupIn, workdirOf } from './stage-state.ts'
import type { StageState } from './stage-state.ts'
import type { AddOp, BuildStep, CopyOp, CopyOrigin, InlineFile, WorkdirOp } from './step.ts'

/** An operation on files, with the texts that show it. */
export interface PlannedOp<Op> {
  readonly op: Op
  readonly name: string
  readonly createdBy: string
  /** As the step's. */
  readonly places?: BuildStep['places']
}

type Expand = (word: Word) => string

function expander(reading: Reading, state: StageState, instruction: StageInstruction): Expand {
  return (word) => expandAt(reading.dockerfile, instruction, word, lookupIn(state))
}

export function planWorkdir(
  reading: Reading,
  state: StageState,
  instruction: WorkdirInstruction,
): PlannedOp<WorkdirOp> {
  const written = expander(reading, state, instruction)(instruction.path)
  if (written === '')
    throw refuse(reading, instruction, instruction.path, {
      reason: `WORKDIR is empty${unsetText(reading, state, instruction.path)}`,
    })
  const absolute = cleanPath(posix.resolve(workdirOf(state), written))
  state.config.WorkingDir = absolute
  return {
    op: { kind: 'workdir', path: absolute, user: state.config.User ?? '' },
    name: `WORKDIR ${written}`,
    createdBy: `WORKDIR ${absolute}`,
  }
}

export function planCopy(
  reading: Reading,
  state: StageState,
  instruction: CopyInstruction,
  origin: CopyOrigin,
): PlannedOp<CopyOp> {
  const parts = copyParts(reading, state, instruction)
  const { chown, chmod } = parts.flags
  refuseUrls(reading, instruction, parts.op.sources)
  return {
    op: { kind: 'copy', origin, ...parts.op },
    name: instruction.text,
    createdBy: copyText(
      'COPY',
      { ...(parts.op.parents ? { parents: '' } : {}), chown, chmod },
      parts.shown,
      parts.destination,
    ),
    places: parts.places,
  }
}

export function planAdd(reading: Reading, state: StageState, instruction: AddInstruction): PlannedOp<AddOp> {
  const parts = copyParts(reading, state, instruction)
  const { chown, chmod } = parts.flags
  const checksum = instruction.checksum && expander(reading, state, instruction)(instruction.checksum)
  const { op, shown, destination } = parts
  return {
    op: {
      kind: 'add',
      ...op,
      ...addSources(reading, instruction, op.sources, checksum || undefined),
      ...(instruction.unpack === undefined ? {} : { unpack: instruction.unpack }),
    },
    name: hidePasswords(instruction.text),
    createdBy: copyText(
      'ADD',
      { checksum, chown, chmod },
      shown.map((source) => hidePasswords(source)),
      destination,
    ),
    places: parts.places,
  }
}

interface CopyParts {
  readonly op: Omit<CopyOp, 'kind' | 'origin'>
  readonly flags: { readonly chown?: string; readonly chmod?: string }
  readonly shown: readonly string[]
  readonly destination: string
  readonly places: ReadonlyMap<string, SourceRange>
}

function copyParts(
  reading: Reading,
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
): CopyParts {
  const expand = expander(reading, state, instruction)
  const destination = expand(instruction.destination)
  const sources: string[] = []
  const files: InlineFile[] = []
  const places = new Map<string, SourceRange>()
  if (instruction.chown !== undefined) places.set('--chown', instruction.chown.range)
  for (const source of instruction.sources) {
    if (source.kind === 'path') {
      const text = expand(source.word)
      sources.push(text)
      places.set(text, source.word.range)
    } else files.push(inlineFile(reading, state, instruction, source.heredoc))
  }
  const intoFolder = /(^|\/)\.{0,2}$/.test(destination)
  const fail = (reason: string): Error => refuse(reading, instruction, instruction.destination, { reason })
  if (destination === '')
    throw fail(`the destination is empty${unsetText(reading, state, instruction.destination)}`)
  if (sources.length + files.length > 1 && !intoFolder) {
    throw fail(`several sources need a destination folder ending in /: write ${destination}/`)
  }
  // a variable without a value is no flag
  const chown = (instruction.chown && expand(instruction.chown)) || undefined
  const chmod = (instruction.chmod && expand(instruction.chmod)) || undefined
  if (chown !== undefined) checkFlag(reading, instruction, instruction.chown, checkOwner(chown))
  if (chmod !== undefined) checkFlag(reading, instruction, instruction.chmod, checkMode(chmod))
  const exclude = (instruction.exclude ?? []).map((word) => {
    const pattern = expand(word)
    checkFlag(reading, instruction, word, checkPattern(pattern))
    return pattern
  })
  const flags = {
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
  }
  return {
    op: {
      sources,
      files,
      destination: cleanPath(posix.resolve(workdirOf(state), destination)),
      intoFolder,
      exclude,
      parents: instruction.kind === 'COPY' && instruction.parents === true,
      ...flags,
    },
    flags,
    shown: [...sources, ...files.map(({ name }) => `<<${name}`)],
    destination,
    places,
  }
}

/** Why a word is empty: the variables in it that have no value. */
function unsetText({ dockerfile }: Reading, state: StageState, word: Word): string {
  const names = findVariables(word.text, dockerfile.directives.escape).map(({ name }) => name)
  const unset = names.filter((name) => !lookupIn(state)(name))
  return unset.length === 0
    ? ''
    : `: ${unset.join(', ')} ${unset.length === 1 ? 'has' : 'have'} no value here`
}

function inlineFile(
  reading: Reading,
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
  { name, content, expand, range }: Heredoc,
): InlineFile {
  if (!expand) return { name, content }
  try {
    return { name, content: expandHeredoc(content, lookupIn(state)) }
  } catch (error) {
    throw isMilleError(error) ? refuse(reading, instruction, { range }, { reason: error.message }) : error
  }
}

function checkFlag(
  reading: Reading,
  instruction: CopyInstruction | AddInstruction,
  word: Word | undefined,
  fault: Fault | undefined,
): void {
  if (fault === undefined) return
  throw refuse(reading, instruction, word ?? instruction, fault)
}

/** `/a/b` without a slash at the end; `..` never leads above the root. */
function cleanPath(path: string): string {
  const clean = posix.normalize(posix.join('/', path))
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean
}
