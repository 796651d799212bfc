import type { DiffId } from '../../oci/digest.ts'
import type { Lease, Store } from '../../store/store.ts'
import { failure, type MilleError } from '../../util/errors.ts'
import { humanSize } from '../../util/human-size.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { BuildPlan } from '../plan/image-plan.ts'
import type { StepId } from '../plan/step.ts'
import type { StepResult } from '../session.ts'
import type { FinishedImage } from './export-build.ts'
import type { BuildOutput } from './output.ts'
import { squashConfig } from './squash-config.ts'

/** A part of an image: its base, or what one step added. */
interface ImagePart {
  /** The instruction. */
  readonly name: string
  readonly layers: readonly DiffId[]
}

interface Cause {
  readonly name: string
  readonly bytes: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

const mostNamed = 3

/** What a build led to, image by image. */
interface Built {
  readonly images: readonly FinishedImage[]
  readonly plans: readonly BuildPlan[]
  readonly results: ReadonlyMap<StepId, StepResult>
  readonly outputs: readonly BuildOutput[]
}

interface Work extends OpOptions {
  readonly store: Store
  readonly lease: Lease
}

/**
 * IMAGE_OVER_BUDGET when the layers of an image are more than `limit` bytes together, after squashing where an output
 * does that: with the largest parts and their largest files. `details.causes` has the same in numbers.
 */
export async function checkBudget(
  { store, lease, signal }: Work,
  { images, plans, results, outputs }: Built,
  limit: number,
): Promise<void> {
  const isSquashed = outputs.some((output) => 'squash' in output && output.squash)
  for (const [index, { config, baseLayers }] of images.entries()) {
    const kept = isSquashed ? await squashConfig(store, config, baseLayers, lease, { signal }) : config
    const total = await sizeOf(store, kept.rootfs.diff_ids)
    const plan = plans[index]
    if (total > limit && plan !== undefined)
      throw overBudget(total, limit, await findCauses(store, partsOf(plan, results)))
  }
}

function overBudget(total: number, limit: number, causes: readonly Cause[]): MilleError {
  const over = `${humanSize(total - limit)} more than the ${humanSize(limit)} it may have`
  // the last line is what is shown where there is room for one
  const text = [
    'largest parts of the image:',
    ...causes.map(causeText),
    `the image has ${humanSize(total)}, ${over}`,
  ]
  return failure('IMAGE_OVER_BUDGET', { text: text.join('\n') }, { details: { total, limit, causes } })
}

async function findCauses(store: Store, parts: readonly ImagePart[]): Promise<Cause[]> {
  const sized = await Promise.all(
    parts.map(async (part) => ({ ...part, bytes: await sizeOf(store, part.layers) })),
  )
  const largest = sized.filter(({ bytes }) => bytes > 0).toSorted((a, b) => b.bytes - a.bytes)
  const causes: Cause[] = []
  for (const { name, bytes, layers } of largest.slice(0, mostNamed))
    causes.push({ name, bytes, files: await largestFiles(store, layers) })
  return causes
}

function partsOf({ steps, image }: BuildPlan, results: ReadonlyMap<StepId, StepResult>): ImagePart[] {
  const { base, baseDiffIds, history } = image
  const names = new Map(steps.map(({ id, name }) => [id, name]))
  const own = history.flatMap(({ step }) => {
    const added = step === undefined ? undefined : results.get(step)?.added
    return step === undefined || added === undefined ? [] : [{ name: names.get(step) ?? '', layers: [added] }]
  })
  return base === undefined ? own : [{ name: `FROM ${base.name}`, layers: baseDiffIds }, ...own]
}

async function sizeOf(store: Store, layers: readonly DiffId[]): Promise<number> {
  const infos = await Promise.all(layers.map((diffId) => store.layers.find(diffId)))
  return infos.reduce((sum, info) => sum + (info?.size ?? 0), 0)
}

async function largestFiles(store: Store, layers: readonly DiffId[]): Promise<Cause['files']> {
  let files: Cause['files'] = []
  for (const diffId of layers) {
    const entries = await store.layers.entries(diffId)
    const own = entries.map(({ path, size }) => ({ path: `/${path}`, size }))
    files = [...files, ...own].toSorted((a, b) => b.size - a.size).slice(0, mostNamed)
  }
  return files.filter(({ size }) => size > 0)
}

function causeText({ name, bytes, files }: Cause): string {
  const lines = files.map(({ path, size }) => `    ${humanSize(size)}  ${path}`)
  return [`  ${humanSize(bytes)}  ${name}`, ...lines].join('\n')
}
