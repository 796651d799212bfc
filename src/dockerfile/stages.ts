import { failure } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { Dockerfile, Stage, StageInstruction, Word } from './ast.ts'
import { hasVariable } from './instruction-body.ts'
import type { Reporter } from './reporter.ts'
import { checkReference } from './values.ts'

const indexes = new WeakMap<readonly Stage[], ReadonlyMap<string, readonly Stage[]>>()

/** The stage called `name` (any case; the last of several) among the first `before` of them; undefined: there is none. */
export function findStage(
  stages: readonly Stage[],
  name: string,
  before: number = stages.length,
): Stage | undefined {
  const index = indexes.get(stages) ?? Map.groupBy(stages, (stage) => stage.name ?? '')
  indexes.set(stages, index)
  const found = name === '' ? undefined : index.get(name.toLowerCase())
  return found?.findLast((stage) => stage.index < before)
}

/** What `COPY --from` names, after expansion: a stage by name or index before `stage`; undefined: an image. */
export function findCopyStage({ stages }: Dockerfile, stage: Stage, from: string): Stage | undefined {
  const named = findStage(stages, from, stage.index)
  if (named !== undefined || !/^\d+$/.test(from)) return named
  return Number(from) < stage.index ? stages[Number(from)] : undefined
}

/** The words of an instruction that name stages or images to take files from: `COPY --from`, `RUN --mount=…,from=`. */
export function fromWords(instruction: StageInstruction): readonly Word[] {
  if (instruction.kind === 'COPY') return instruction.from === undefined ? [] : [instruction.from]
  if (instruction.kind !== 'RUN') return []
  return (instruction.mounts ?? []).flatMap(
    ({ fields }) => fields.findLast(({ key }) => key.text === 'from')?.value ?? [],
  )
}

/**
 * The stage to build: by name, else by index; the last one without `target`.
 * Errors: DOCKERFILE_TARGET_NOT_FOUND with the likely name and the list of stages (D-F13).
 */
export function getTarget(dockerfile: Dockerfile, target?: string): Stage {
  const { stages, fileName: file } = dockerfile
  const isIndex = target !== undefined && /^\d+$/.test(target)
  const found =
    target === undefined
      ? stages.at(-1)
      : (findStage(stages, target) ?? (isIndex ? stages[Number(target)] : undefined))
  if (found !== undefined) return found
  const names = stages.flatMap(({ name }) => name ?? [])
  const near = suggest(target ?? '', names)
  const list = names.length === 0 ? 'none of its stages has a name' : `stages: ${names.join(', ')}`
  const hint = `${near === undefined ? '' : ` (did you mean ${near}?)`}; ${list}`
  throw failure('DOCKERFILE_TARGET_NOT_FOUND', { target: target ?? '', file, hint })
}

interface Edge {
  readonly from: number
  readonly to: number
  readonly word: Word
  readonly instruction: StageInstruction
}

/** Each costs a search of the graph: a hostile file could hold thousands. */
const reportedEdges = 20

/** Reports `--from` of a stage that comes later, that does not exist, or that needs this one in turn. */
export function reportStageReferences(stages: readonly Stage[], reporter: Reporter): void {
  const edges = stages.flatMap((stage) =>
    stage.instructions.flatMap((instruction) =>
      fromWords(instruction).flatMap((word) => edgeOf(stages, stage, { instruction, word }, reporter) ?? []),
    ),
  )
  const forward = edges.filter(({ from, to }) => to >= from).slice(0, reportedEdges)
  if (forward.length === 0) return
  const next = nextStages(stages, edges)
  const names = stages.map(({ name, index }) => name ?? `stage ${index}`)
  const circles = new Set<string>()
  for (const { from, to, word, instruction } of forward) {
    const path = findPath(next, to, from)
    // the same circle is met at each of its edges that leads forward
    const circle =
      path?.toSorted((a, b) => a - b).join(' ') ?? `${from} ${to} ${instruction.range.start.line}`
    if (circles.size === circles.add(circle).size) continue
    const line = stages[to]?.range.start.line ?? 0
    const message =
      path === undefined
        ? `stage "${word.text}" is defined after this one, in line ${line}: move it up`
        : `circular dependency ${[from, ...path].map((index) => names[index]).join(' → ')}${edgeLines(edges, [from, ...path])}`
    const related =
      path === undefined ? [] : edgesOf(edges, [from, ...path]).map((edge) => edge.instruction.range)
    reporter.report(word.range, 'stage', message, { within: instruction.range, related })
  }
}

function edgesOf(edges: readonly Edge[], path: readonly number[]): Edge[] {
  return path.flatMap((from, step) => {
    const edge = edges.find((item) => item.from === from && item.to === path[step + 1])
    return edge === undefined ? [] : [edge]
  })
}

function edgeLines(edges: readonly Edge[], path: readonly number[]): string {
  const lines = edgesOf(edges, path).map(({ instruction }) => instruction.range.start.line)
  return lines.length < 2 ? '' : ` (lines ${lines.join(', ')})`
}

function edgeOf(
  stages: readonly Stage[],
  stage: Stage,
  { instruction, word }: Pick<Edge, 'instruction' | 'word'>,
  reporter: Reporter,
): Edge | undefined {
  if (hasVariable(word.text)) return undefined
  const named = findStage(stages, word.text, stage.index) ?? findStage(stages, word.text)
  const report = (message: string): undefined => {
    reporter.report(word.range, 'stage', message, { within: instruction.range })
  }
  if (named === undefined && /^\d+$/.test(word.text)) {
    const index = Number(word.text)
    if (index >= stages.length) {
      const count = stages.length === 1 ? 'is 1 stage' : `are ${stages.length} stages`
      return report(`stage index ${word.text} does not exist: there ${count}, counted from 0`)
    }
    if (index === stage.index) {
      const count = index === 1 ? 'is 1 stage' : `are ${index} stages`
      return report(`stage index ${index} is this stage itself: there ${count} before it, counted from 0`)
    }
    return { from: stage.index, to: index, word, instruction }
  }
  if (named !== undefined) return { from: stage.index, to: named.index, word, instruction }
  const fault = checkReference(word.text)
  return fault === undefined ? undefined : report(fault.reason)
}

function nextStages(stages: readonly Stage[], edges: readonly Edge[]): Map<number, number[]> {
  const next = new Map<number, number[]>()
  const add = (from: number, to: number): void => {
    const list = next.get(from)
    if (list === undefined) next.set(from, [to])
    else list.push(to)
  }
  for (const { from, to } of edges) add(from, to)
  for (const stage of stages) {
    const base = findStage(stages, stage.base.text, stage.index)
    if (base !== undefined) add(stage.index, base.index)
  }
  return next
}

/** Shortest way from `start` to `goal`, both included; undefined when there is none. */
function findPath(
  next: ReadonlyMap<number, readonly number[]>,
  start: number,
  goal: number,
): number[] | undefined {
  const before = new Map<number, number>([[start, -1]])
  for (const at of before.keys()) {
    if (at === goal) {
      const path: number[] = []
      for (let step = goal; step >= 0; step = before.get(step) ?? -1) path.unshift(step)
      return path
    }
    for (const to of next.get(at) ?? []) if (!before.has(to)) before.set(to, at)
  }
  return undefined
}
