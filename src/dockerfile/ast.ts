/**
 * What a Dockerfile says, as plain tagged objects. Nothing here is expanded: `Word.text` still has its quotes and
 * variables, `expandWord` (expand.ts) gives its value. Source: the Dockerfile reference of BuildKit 1.2x.
 */

import type { CheckOptions } from './check-options.ts'
import type { UnsetSetting } from './unset.ts'

/** Line and column count from 1; columns count UTF-16 units of the line (a BOM is no column). */
export interface Position {
  readonly line: number
  readonly column: number
}

/** From the first character to the place behind the last one. */
export interface SourceRange {
  readonly start: Position
  readonly end: Position
}

/** A piece of an instruction as written (continuations joined), or the decoded string of a JSON form. */
export interface Word {
  readonly text: string
  readonly range: SourceRange
  /** Where it goes on in further lines; absent when it stands in one. */
  readonly breaks?: readonly (Position & { readonly offset: number })[]
}

/** `NAME=value` of ENV, LABEL and ARG. BuildKit expands names as well as values. */
export interface KeyValue {
  readonly name: Word
  readonly value: Word
  readonly range: SourceRange
}

export interface ArgDeclaration {
  readonly name: Word
  /** Absent: declared without a default, which is not the same as an empty one. */
  readonly value?: Word
  readonly range: SourceRange
}

/** `<<EOF … EOF`: `content` ends with a newline unless it is empty; tabs of `<<-` are stripped already. */
export interface Heredoc {
  readonly name: string
  readonly content: string
  /** False when the word was quoted (`<<"EOF"`): then no variable of `content` is expanded. */
  readonly expand: boolean
  readonly stripTabs: boolean
  /** From `<<` to the end of the word. */
  readonly range: SourceRange
  /** The first line of the content; the content has as many lines as newlines. */
  readonly bodyLine: number
}

export type Command =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  /** Handed to SHELL as one argument; heredocs of the line stand at its end again, for the shell to read. */
  | { readonly form: 'shell'; readonly text: string }
  /** RUN with nothing but one heredoc: the content is the script; one that begins with `#!` is run as a file. */
  | { readonly form: 'script'; readonly heredoc: Heredoc }

interface InstructionBase {
  /** The comment line right above, without `#`: what it is for, by BuildKit's convention `# NAME description`. */
  readonly comment?: string
  /** The keyword as written: `run`, `RUN`. */
  readonly keyword: string
  /**
   * The whole instruction in one line, as written, continuations and comments between them taken out, without
   * heredoc bodies: what history shows and the cache keys on.
   */
  readonly text: string
  /** All its lines, heredoc bodies included. */
  readonly range: SourceRange
  readonly heredocs: readonly Heredoc[]
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'FROM'
  readonly base: Word
  /** Behind AS, as written. */
  readonly alias?: Word
  readonly platform?: Word
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'ARG'
  readonly args: readonly ArgDeclaration[]
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: 'ENV'
  readonly pairs: readonly KeyValue[]
  /** Written `ENV name value`. */
  readonly legacy: boolean
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: 'LABEL'
  readonly pairs: readonly KeyValue[]
  readonly legacy: boolean
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'MAINTAINER'
  readonly author: string
}

/** A `key=value` of `RUN --mount`, quotes taken off, not expanded; a switch such as `ro` may have no value. */
export interface MountField {
  /** Lower case. */
  readonly key: Word
  readonly value?: Word
}

/** One `--mount`; `readMount` (run-mount.ts) says what its fields mean once they are expanded. */
export interface RunMountFlag {
  readonly fields: readonly MountField[]
  readonly range: SourceRange
}

/** A flag that is one of a few words. */
export interface RunChoice<Choice extends string> {
  readonly value: Choice
  readonly range: SourceRange
}

export interface RunInstruction extends InstructionBase {
  readonly kind: 'RUN'
  readonly command: Command
  readonly mounts?: readonly RunMountFlag[]
  readonly network?: RunChoice<'default' | 'none' | 'host'>
  readonly security?: RunChoice<'sandbox' | 'insecure'>
}

export type CopySource =
  | { readonly kind: 'path'; readonly word: Word }
  /** A file named `heredoc.name` with that content. */
  | { readonly kind: 'heredoc'; readonly heredoc: Heredoc }

export interface CopyInstruction extends InstructionBase {
  readonly kind: 'COPY'
  readonly sources: readonly CopySource[]
  readonly destination: Word
  /** A stage name, a stage index or an image reference; may hold variables. */
  readonly from?: Word
  readonly chown?: Word
  readonly chmod?: Word
  /** Patterns as in an ignore file, relative to each source. */
  readonly exclude?: readonly Word[]
  readonly parents?: boolean
  /** A layer of its own, which does not see the files before it. */
  readonly link?: boolean
}

export interface AddInstruction extends InstructionBase {
  readonly kind: 'ADD'
  readonly sources: readonly CopySource[]
  readonly destination: Word
  readonly chown?: Word
  readonly chmod?: Word
  readonly checksum?: Word
  /** As COPY's. */
  readonly exclude?: readonly Word[]
  readonly link?: boolean
  /** Are archives unpacked? Default: local ones are, those of URLs are not. */
  readonly unpack?: boolean
  /** Do git sources keep their `.git` folder? */
  readonly keepGitDir?: boolean
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'WORKDIR'
  readonly path: Word
}

export interface UserInstruction extends InstructionBase {
  readonly kind: 'USER'
  readonly user: Word
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'VOLUME'
  readonly paths: readonly Word[]
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'EXPOSE'
  /** `80`, `80/udp`, `8000-8010/tcp`, or variables: expand with `expandWords`, then `parsePorts`. */
  readonly ports: readonly Word[]
}

export interface CmdInstruction extends InstructionBase {
  readonly kind: 'CMD'
  readonly command: Command
}

export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'ENTRYPOINT'
  readonly command: Command
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: 'SHELL'
  readonly args: readonly string[]
}

export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'STOPSIGNAL'
  readonly signal: Word
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'HEALTHCHECK'
  /** Absent: HEALTHCHECK NONE. */
  readonly command?: Command
  /** Times in nanoseconds, as the image config has them; absent ones are inherited or the runtime's defaults. */
  readonly interval?: number
  readonly timeout?: number
  readonly startPeriod?: number
  readonly startInterval?: number
  readonly retries?: number
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'ONBUILD'
  /** The text to store in the image config; parse it later with `parseInstruction`. */
  readonly trigger: string
  readonly instruction: StageInstruction
}

/** `volume=/data` or `entrypoint`. */
export interface UnsetTarget {
  readonly setting: UnsetSetting
  /** May hold variables; `*` is all there are. */
  readonly name?: Word
  readonly range: SourceRange
}

/** `# mille:unset volume=/data entrypoint`: takes settings of the base out of the image; a comment to other builders. */
export interface UnsetInstruction extends InstructionBase {
  readonly kind: 'UNSET'
  readonly targets: readonly UnsetTarget[]
}

/** All that may stand inside a stage. */
export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | MaintainerInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | WorkdirInstruction
  | UserInstruction
  | VolumeInstruction
  | ExposeInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | StopsignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | UnsetInstruction

export type Instruction = FromInstruction | StageInstruction

export interface Stage {
  readonly kind: 'stage'
  /** From 0, in file order. */
  readonly index: number
  /** Lower case: stage names are compared without regard to case. */
  readonly name?: string
  /** The base as written: `alpine:3`, `${BASE}`, `builder`, `scratch`. */
  readonly base: Word
  readonly platform?: Word
  readonly from: FromInstruction
  readonly instructions: readonly StageInstruction[]
  readonly range: SourceRange
}

export interface Directive {
  /** Lower case: `syntax`, `escape`, `check`. */
  readonly name: string
  readonly value: string
  readonly range: SourceRange
}

export interface Directives {
  readonly escape: '\\' | '`'
  readonly syntax?: Directive
  /** `# check=skip=A,B;error=true`, or the build argument in its place. */
  readonly check?: CheckOptions & { readonly range: SourceRange }
}

/** A finding of a check rule (checks.ts); never stops a build unless `check=error=true`. */
export interface Warning {
  /** A rule name of the table `checkRules` (rules.ts). */
  readonly rule: string
  /** In BuildKit's words; its suggestions are in them. */
  readonly message: string
  /** What the rule is about. */
  readonly description: string
  /** Docker's page about the rule; mille's own rules have none. */
  readonly url?: string
  /** The line that BuildKit names. */
  readonly line: number
  /** The very words meant. */
  readonly range: SourceRange
  /** The instruction around them. */
  readonly within: SourceRange
  /** What to write in place of `range`. */
  readonly suggestion?: string
  /** What mille has to say beyond BuildKit's message. */
  readonly note?: string
  /** Of a rule of mille's own: advice that never counts as a warning, of use to every build or to a check only. */
  readonly hint?: 'build' | 'check'
}

export interface Dockerfile {
  readonly kind: 'dockerfile'
  /** As the user gave it; shown in errors. */
  readonly fileName: string
  /** The whole text, BOM removed; ranges point into it. */
  readonly source: string
  readonly directives: Directives
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[]
  readonly stages: readonly Stage[]
  readonly warnings: readonly Warning[]
}
