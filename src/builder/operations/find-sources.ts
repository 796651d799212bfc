import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { excludeRules } from '../../dockerfile/ignore.ts'
import { hasWildcard } from '../../dockerfile/glob.ts'
import { warningExcerpt } from '../../dockerfile/warning-excerpt.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { MilleError } from '../../util/errors.ts'
import { filterChildren } from '../context/filter-children.ts'
import { selectParents } from '../context/select-parents.ts'
import { cleanParts, selectSources } from '../context/select-sources.ts'
import type { Selected } from '../context/select-sources.ts'
import type { SourceTree } from '../context/source-tree.ts'
import { isFolder, pathOf } from '../context/source-tree.ts'
import { failAt } from '../plan/source-problem.ts'
import type { AddOp, CopyOp } from '../plan/step.ts'
import { originText, placeOf } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'

/**
 * All that the sources of a COPY or ADD name, in their order. A plain name that is not there is COPY_FAILED (D-F16,
 * D-F18); a pattern that matches nothing is a warning, as in BuildKit.
 */
export function findSources(
  session: BuildSession,
  inputs: StepInputs,
  tree: SourceTree,
  op: CopyOp | AddOp,
): Selected[] {
  const { sources, exclude, parents } = op
  const where = originText(op.kind === 'copy' ? op.origin : { kind: 'context' }, 'copied')
  const rules = exclude.length === 0 ? undefined : excludeRules(exclude)
  return sources.flatMap((source) => {
    try {
      const found = parents ? selectParents(tree, source, rules) : selectSources(tree, source)
      if (found.length === 0) reportMissing(session, inputs, missingText(tree, where, source), source)
      return parents || rules === undefined
        ? found
        : found.flatMap((one) => without(tree, one, source, rules))
    } catch (error) {
      throw atStep(session, inputs, error, source)
    }
  })
}

/**
 * `--exclude` (B42) sees what is in a folder by its path from there. Files, and what a pattern found, can be excluded by
 * their name or whole path too: so says Docker's reference, though BuildKit copies them (moby/buildkit#5489).
 */
function without(tree: SourceTree, one: Selected, source: string, rules: IgnoreRules): Selected[] {
  const isNamed = isFolder(one.node) && !hasWildcard(source)
  if (!isNamed && (rules.match(one.name).ignored || rules.match(pathOf(one.node)).ignored)) return []
  return [{ ...one, children: filterChildren(tree, one.node, { exclude: rules }) }]
}

function reportMissing(session: BuildSession, inputs: StepInputs, text: string, source: string): void {
  if (!hasWildcard(source)) throw failure('INVALID_ARGUMENT', { reason: text })
  const { range } = inputs.step
  const { line } = range.start
  const { source: lines, fileName: file } = session.dockerfile
  const excerpt = warningExcerpt({ line, within: range }, lines)
  session.emit({ type: 'warning', rule: 'CopyMatchesNothing', message: text, file, line, excerpt })
}

function missingText(tree: SourceTree, where: string, source: string): string {
  const path = cleanParts(source).join('/')
  if (hasWildcard(source)) return `nothing in ${where} matches "${source}"`
  const hidden = tree.explainMissing(path)
  if (hidden !== undefined) return `"${source}" is not in ${where}: ${hidden}`
  const cut = /(^|\/)\.\.(\/|$)/.test(source) ? `; ".." stops at its root, so /${path} was looked for` : ''
  return `"${source}" is not in ${where}${cut}`
}

/**
 * An error of a file operation, shown with its place in the Dockerfile, others pass. `word` is the source or the flag
 * that is to blame.
 */
export function atStep(
  { dockerfile }: Pick<BuildSession, 'dockerfile'>,
  { step }: StepInputs,
  error: unknown,
  word?: string,
): MilleError | unknown {
  if (!isMilleError(error) || error.code === 'COPY_FAILED' || error.kind === 'canceled') return error
  if (error.code === 'BUILD_CONTEXT_CHANGED' || error.code === 'NO_SPACE' || error.kind === 'internal')
    return error
  const place = { dockerfile, instruction: step, ...placeOf(step, word) }
  return failAt('COPY_FAILED', place, error.message, { cause: error })
}
