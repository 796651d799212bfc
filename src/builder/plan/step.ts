import type { SourceRange } from '../../dockerfile/ast.ts'
import type { BindMount, CacheMount, SecretMount, SshMount, TmpfsMount } from '../../dockerfile/run-mount.ts'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import type { Platform } from '../../oci/platform.ts'
import type { BaseImage } from '../base-images.ts'

/** `s0`, `s1`, … in the order of the Dockerfile's needed stages. */
export type StepId = string

/** A name and a value that a step sees or is keyed on. */
export type Setting = readonly [name: string, value: string]

export interface FromOp {
  readonly kind: 'from'
  readonly base: BaseImage
}

/** A file that exists only in the Dockerfile: a heredoc of COPY or ADD. */
export interface InlineFile {
  readonly name: string
  readonly content: string
}

export interface RunOp {
  readonly kind: 'run'
  readonly argv: readonly string[]
  /** A heredoc with `#!`: run as a file of that content instead of `argv`. */
  readonly script?: InlineFile
  /** Environment in the image's order. */
  readonly env: readonly Setting[]
  /** ARGs in scope that have a value; ENV of the same name wins. */
  readonly args: readonly Setting[]
  /** Predefined proxy ARGs that were given but not declared: seen by the step, no part of its key (B22). */
  readonly proxies: readonly Setting[]
  readonly user: string
  readonly cwd: string
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
  readonly mounts: readonly PlannedMount[]
}

/** A `RUN --mount` whose target is absolute and whose files are known to come from somewhere. */
export type PlannedMount = (
  | (Omit<BindMount, 'from'> & { readonly origin: CopyOrigin })
  /** `id` with its namespace; files of the origin are what a new cache begins with. */
  | (Omit<CacheMount, 'from'> & { readonly origin: CopyOrigin })
  | TmpfsMount
  | SecretMount
  | SshMount
) & {
  /** Of the flag's value, for errors. */
  readonly range: SourceRange
}

/** Where the sources of a COPY or ADD are. */
export type CopyOrigin =
  /** The build context, or the named one. */
  | { readonly kind: 'context'; readonly name?: string }
  | { readonly kind: 'step'; readonly step: StepId }
  /** An empty `FROM scratch` stage. */
  | { readonly kind: 'empty' }

/** Where the files of an origin are, for messages. */
export function originText(origin: CopyOrigin, verb: 'copied' | 'mounted'): string {
  if (origin.kind !== 'context') return `the files ${verb} from`
  return origin.name === undefined ? 'the build context' : `the context "${origin.name}"`
}

export interface CopyOp {
  readonly kind: 'copy'
  readonly origin: CopyOrigin
  /** As written, expanded; relative to the origin's root. */
  readonly sources: readonly string[]
  readonly files: readonly InlineFile[]
  /** Absolute, cleaned, without a slash at the end. */
  readonly destination: string
  /** The destination ended in `/` or `.`, so it is a folder. */
  readonly intoFolder: boolean
  readonly chown?: string
  readonly chmod?: string
  /** Patterns as in an ignore file. */
  readonly exclude: readonly string[]
  /** The sources keep their folders. */
  readonly parents: boolean
  /** The layer is made for itself and put on the files of the stage then. */
  readonly link?: true
  /** Of such a step: the files that names in `chown` are looked up in. */
  readonly names?: StepId
}

export interface AddOp extends Omit<CopyOp, 'kind' | 'origin'> {
  readonly kind: 'add'
  readonly urls: readonly string[]
  readonly repositories: readonly GitReference[]
  /** Of the one URL. */
  readonly checksum?: string
  readonly unpack?: boolean
}

export interface WorkdirOp {
  readonly kind: 'workdir'
  /** Absolute. */
  readonly path: string
  /** As USER says; empty is root. */
  readonly user: string
}

/** The layer that a step made by itself (`--link`) is put on the files of the parent: none of its files is read again. */
export interface LinkOp {
  readonly kind: 'link'
  readonly layer: StepId
  /** What folders that the parent lacks are to be. */
  readonly made: Pick<CopyOp, 'destination' | 'chown' | 'chmod'>
}

export type BuildOp = FromOp | RunOp | CopyOp | AddOp | WorkdirOp | LinkOp

/** One node of the plan: everything it depends on is in `op` and `inputs`. */
export interface BuildStep {
  readonly id: StepId
  readonly op: BuildOp
  /** The step whose file system this one goes on from; undefined starts empty (`scratch`). */
  readonly parent?: StepId
  /** The instruction in one line, variables replaced where the instruction does so. */
  readonly name: string
  /** Name or `stage-N`. */
  readonly stage: string
  /** What the step runs on. */
  readonly platform: Platform
  /** The platform it works for, where that is another and the step asks for it. */
  readonly target?: Platform
  readonly range: SourceRange
  /** Where its sources stand, by their text after expansion, and flags, by `--name`: for errors. */
  readonly places?: ReadonlyMap<string, SourceRange>
  /** Names the same step over edits: stage and position. */
  readonly lineage: string
}

/** All steps that `step` needs the result of. */
export function inputsOf({ parent, op }: BuildStep): StepId[] {
  const inputs = parent === undefined ? [] : [parent]
  if (op.kind === 'copy') inputs.push(...stepsOf(op.origin))
  if ((op.kind === 'copy' || op.kind === 'add') && op.names !== undefined) inputs.push(op.names)
  if (op.kind === 'link') inputs.push(op.layer)
  if (op.kind === 'run') {
    for (const mount of op.mounts) if ('origin' in mount) inputs.push(...stepsOf(mount.origin))
  }
  return inputs
}

function stepsOf(origin: CopyOrigin): StepId[] {
  return origin.kind === 'step' ? [origin.step] : []
}

/** Where a source or a flag of the step stands; nothing when that is not known. */
export function placeOf({ places }: BuildStep, word: string | undefined): { readonly range?: SourceRange } {
  const range = word === undefined ? undefined : places?.get(word)
  return range === undefined ? {} : { range }
}

/** Is it the build context, not a named one? */
export function isMainContext(origin: CopyOrigin): boolean {
  return origin.kind === 'context' && origin.name === undefined
}

/** What a step takes from the build context, as written. */
export function contextSources(op: BuildOp): readonly string[] {
  if (op.kind === 'add') return op.sources
  if (op.kind === 'copy') return isMainContext(op.origin) ? op.sources : []
  if (op.kind !== 'run') return []
  return op.mounts.flatMap((mount) =>
    mount.type === 'bind' && isMainContext(mount.origin) ? [mount.source] : [],
  )
}
