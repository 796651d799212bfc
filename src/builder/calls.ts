import type { Warning } from '../dockerfile/ast.ts'
import type { Outline, OutlineTarget } from '../dockerfile/outline.ts'
import type { MilleError } from '../util/errors.ts'

/** The Dockerfile that a call was about. */
export interface CallSource {
  readonly fileName: string
  readonly source: string
}

/** What the checks found (B60). */
export interface CheckReport extends CallSource {
  /** By line; advice of mille's own is among them, with `hint`. */
  readonly warnings: readonly Warning[]
  /** Names of the rules that end a build by `check=error=true`. */
  readonly violations: readonly string[]
  /** Why the Dockerfile cannot be built, as far as that is known without running a step. */
  readonly failure?: MilleError
}

/** What the target takes (B63). */
export interface OutlineReport extends CallSource {
  readonly outline: Outline
}

/** The stages that can be built (B64). */
export interface TargetsReport extends CallSource {
  readonly targets: readonly OutlineTarget[]
}
