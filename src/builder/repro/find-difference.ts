import { Readable } from 'node:stream'
import type { LayerStore } from '../../store/store.ts'
import { firstDifference, type TarDifference } from '../../tar/first-difference.ts'
import type { BuiltImages } from '../builder-parts.ts'
import type { FinishedImage } from '../export/export-build.ts'
import { inputsOf, type BuildStep, type StepId } from '../plan/step.ts'
import type { PlatformPlan } from '../platform-plans.ts'
import { jsonDifference } from './json-difference.ts'
import type { ReproDifference, ReproReport, ReproStep } from './repro-report.ts'

type Found = Pick<ReproReport, 'difference' | 'inImage'>

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
    const at = <Value extends ReproDifference>(value: Value): Value =>
      several ? { ...value, platform: plan.platform } : value
    const { difference, inImage } = found
    return { ...(difference && { difference: at(difference) }), ...(inImage && { inImage: at(inImage) }) }
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
  const describe = async (step: BuildStep): Promise<ReproDifference> => ({
    step: stepOf(first.images, step),
    ...(await differenceOfStep(pair, step)),
  })
  const origin = originOf(pair, steps, culprit)
  const difference = await describe(origin)
  return origin === culprit ? { difference } : { difference, inImage: await describe(culprit) }
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

/** The first of all steps that `culprit` is made from, and itself, that had another result. */
function originOf(pair: Pair, steps: ReadonlyMap<StepId, BuildStep>, culprit: BuildStep): BuildStep {
  const needed = new Set<StepId>()
  const todo = [culprit.id]
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (needed.has(id)) continue
    needed.add(id)
    const step = steps.get(id)
    if (step !== undefined) todo.push(...inputsOf(step))
  }
  const isOwn = ({ id, op }: BuildStep): boolean => needed.has(id) && op.kind !== 'link'
  return [...steps.values()].find((step) => isOwn(step) && isChanged(pair, step)) ?? culprit
}

function isChanged({ first, second }: Pair, { id, op }: BuildStep): boolean {
  const [one, other] = [first, second].map(({ images }) => images.results.get(id))
  return op.kind === 'from' ? one?.chain !== other?.chain : one?.added !== other?.added
}

async function differenceOfStep({ first, second, other }: Pair, step: BuildStep): Promise<ReproDifference> {
  if (step.op.kind === 'from') {
    const moved = other.plan.steps.find(({ id }) => id === step.id)?.op
    const base = moved?.kind === 'from' ? moved.base.id : undefined
    return { part: 'base', ...textDifference({ first: step.op.base.id, second: base }) }
  }
  const difference = await firstDifference(opener(first, step), opener(second, step))
  if (difference === undefined) throw new Error(`step ${step.id} made the same layer twice`)
  return fromTar(difference)
}

/** A step that changed nothing has no layer: as good as an empty one. */
function opener({ images, layers }: BuiltOn, { id }: BuildStep): () => Promise<AsyncIterable<Buffer>> {
  const added = images.results.get(id)?.added
  return async () => (added === undefined ? Readable.from([]) : await layers.open(added))
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
