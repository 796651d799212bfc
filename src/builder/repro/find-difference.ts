import { Readable } from 'node:stream'
import type { LayerStore } from '../../store/store.ts'
import { firstDifference, type TarDifference } from '../../tar/first-difference.ts'
import type { BuiltImages } from '../builder-parts.ts'
import type { FinishedImage } from '../export/export-build.ts'
import { inputsOf, type BuildStep, type StepId } from '../plan/step.ts'
import type { PlatformPlan } from '../platform-plans.ts'
import { jsonDifference } from './json-difference.ts'
import { findSameContent, type LayerPair } from './same-content.ts'
import type { ReproDifference, ReproReport, ReproStep } from './repro-report.ts'

type Found = Pick<ReproReport, 'difference' | 'inImage' | 'earlier'>

/** What a build led to, and where its layers are. */
export interface BuiltOn {
  readonly images: BuiltImages
  readonly layers: Pick<LayerStore, 'open'>
}

/** What two builds of one Dockerfile differ in first; nothing when configs and layers of their images are the same. */
export async function findDifference(first: BuiltOn, second: BuiltOn): Promise<Found> {
  const { plans } = first.images
  const several = plans.length > 1
  for (const [index, plan] of plans.entries()) {
    const other = second.images.plans[index]
    const found = other && (await differenceOfPlan({ first, second, plan, other, index }))
    if (found === undefined) continue
    if (!several) return found
    const { platform } = plan
    const named = Object.entries(found).map(([name, value]) => [name, { ...value, platform }] as const)
    return Object.fromEntries(named)
  }
  return {}
}

interface Pair {
  readonly first: BuiltOn
  readonly second: BuiltOn
  readonly plan: PlatformPlan
  readonly other: PlatformPlan
  readonly index: number
}

async function differenceOfPlan(pair: Pair): Promise<Found | undefined> {
  const { first, second, plan, index } = pair
  const steps = new Map(plan.plan.steps.map((step) => [step.id, step]))
  const culprit = changedLayer(pair, steps)
  if (culprit === undefined) {
    const [one, two] = [first, second].map(({ images }) => statedOf(images.images[index]))
    const stated = jsonDifference(one, two)
    return stated && { difference: { part: 'config', path: stated.path, ...textDifference(stated) } }
  }
  const shown = await differenceOfStep(pair, culprit)
  const made = changedInputs(pair, steps, culprit)
  const maker = await makerOf(pair, made, culprit, shown)
  const [earliest = culprit] = made
  const origin = maker?.step ?? earliest
  if (origin === culprit) return { difference: shown }
  const difference = maker?.difference ?? (await differenceOfStep(pair, origin))
  const isFirst = origin === earliest
  const earlier = isFirst ? undefined : await differenceOfStep(pair, earliest)
  return { difference, inImage: shown, ...(earlier && { earlier }) }
}

/** All that an image says of itself. */
function statedOf(image: FinishedImage | undefined): object {
  return { ...image?.config, ...(image?.predicates && { attestations: image.predicates }) }
}

/** The step of the lowest layer of the image that is another one. */
function changedLayer(pair: Pair, steps: ReadonlyMap<StepId, BuildStep>): BuildStep | undefined {
  const { root } = pair.plan.plan.image
  const path: BuildStep[] = []
  for (let at = steps.get(root ?? ''); at !== undefined; at = steps.get(at.parent ?? '')) path.unshift(at)
  const changed = path.find((step) => isChanged(pair, step))
  return changed?.op.kind === 'link' ? steps.get(changed.op.layer) : changed
}

/** All steps that `culprit` is made from and that had another result, inputs first, and itself at the end. */
function changedInputs(
  pair: Pair,
  steps: ReadonlyMap<StepId, BuildStep>,
  culprit: BuildStep,
): readonly BuildStep[] {
  const needed = new Set<StepId>()
  const todo = [culprit.id]
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (needed.has(id)) continue
    needed.add(id)
    const step = steps.get(id)
    if (step !== undefined) todo.push(...inputsOf(step))
  }
  const isOwn = ({ id, op }: BuildStep): boolean => needed.has(id) && op.kind !== 'link'
  return [...steps.values()].filter((step) => isOwn(step) && isChanged(pair, step))
}

/** The first step that made the very file that `culprit` copied into the image: others may differ in what nobody took. */
async function makerOf(
  pair: Pair,
  made: readonly BuildStep[],
  culprit: BuildStep,
  shown: ReproDifference,
): Promise<{ readonly step: BuildStep; readonly difference: ReproDifference } | undefined> {
  const { path, part } = shown
  if (path === undefined || part !== 'content') return undefined
  for (const step of made) {
    if (step === culprit || step.op.kind === 'from') continue
    const found = await findSameContent(layersOf(pair, step), layersOf(pair, culprit), path.slice(1))
    if (found === undefined) continue
    const difference = { ...shown, step: stepOf(pair.first.images, step), path: `/${found}` }
    return { step, difference }
  }
  return undefined
}

function isChanged({ first, second }: Pair, { id, op }: BuildStep): boolean {
  const [one, other] = [first, second].map(({ images }) => images.results.get(id))
  return op.kind === 'from' ? one?.chain !== other?.chain : one?.added !== other?.added
}

async function differenceOfStep(pair: Pair, step: BuildStep): Promise<ReproDifference> {
  const own = { step: stepOf(pair.first.images, step) }
  if (step.op.kind === 'from') {
    const moved = pair.other.plan.steps.find(({ id }) => id === step.id)?.op
    const base = moved?.kind === 'from' ? moved.base.id : undefined
    return { ...own, part: 'base', ...textDifference({ first: step.op.base.id, second: base }) }
  }
  const { first, second } = layersOf(pair, step)
  const difference = await firstDifference(first, second)
  if (difference === undefined) throw new Error(`step ${step.id} made the same layer twice`)
  return { ...own, ...fromTar(difference) }
}

/** A step that changed nothing has no layer: as good as an empty one. */
function layersOf({ first, second }: Pair, { id }: BuildStep): LayerPair {
  const opener = ({ images, layers }: BuiltOn): LayerPair['first'] => {
    const added = images.results.get(id)?.added
    return async () => (added === undefined ? Readable.from([]) : await layers.open(added))
  }
  return { first: opener(first), second: opener(second) }
}

function fromTar({ path, part, attribute, offset, first, second }: TarDifference): ReproDifference {
  return {
    part,
    ...(part !== 'encoding' && { path: `/${path}` }),
    ...(attribute !== undefined && { attribute }),
    offset,
    ...(first && { first }),
    ...(second && { second }),
  }
}

/** Of values that are texts. */
export function textDifference({
  first,
  second,
}: {
  readonly first: string | undefined
  readonly second: string | undefined
}): Pick<ReproDifference, 'offset' | 'first' | 'second'> {
  const [one, other] = [first, second].map((text) => text && { from: 0, bytes: Buffer.from(text) })
  const length = Math.min(first?.length ?? 0, second?.length ?? 0)
  let offset = 0
  while (offset < length && first?.[offset] === second?.[offset]) offset++
  return { offset, ...(one && { first: one }), ...(other && { second: other }) }
}

function stepOf({ dockerfile }: BuiltImages, { name, stage, range }: BuildStep): ReproStep {
  return { name, stage, file: dockerfile.fileName, line: range.start.line }
}
