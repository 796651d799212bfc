import { availableParallelism } from 'node:os'
import type { Dockerfile } from '../dockerfile/ast.ts'
import { recheck } from '../dockerfile/checks.ts'
import { findStage } from '../dockerfile/stages.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Lease, Store } from '../store/store.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { OpOptions } from '../util/progress.ts'
import type { AttestWork } from './attest/attest-images.ts'
import type { AttestationRequest } from './attest/attestation.ts'
import type { BaseImages } from './base-images.ts'
import type { BuildEvent, BuildRequest, BuildResult, BuildWish, Builder, StepReport } from './build.ts'
import { applyPolicy } from './cache/policy.ts'
import { pruneCache } from './cache/prune.ts'
import { cacheUsage } from './cache/usage.ts'
import { StepCache } from './cache/step-cache.ts'
import { ignoreFacts } from './cache/suggest-ignore.ts'
import { readReport, writeReport } from './build-report.ts'
import { removeBuildFolder, removeLeftovers } from './build-leftovers.ts'
import { openContext, type OpenedContext } from './context/open-context.ts'
import { OpenTrees } from './context/open-trees.ts'
import { credentialsOf } from './sources/source-access.ts'
import { checkBuild, listTargets, outlineBuild } from './answer-calls.ts'
import { StepExecutor } from './execute-step.ts'
import { checkBudget } from './export/budget.ts'
import {
  checkOffline,
  checkOutputs,
  exportBuild,
  type FinishedImage,
  holdsAttestations,
} from './export/export-build.ts'
import { imageConfigOf } from './export/image-config.ts'
import type { ImageWriter } from './export/image-writer.ts'
import { type BuildOutput, imageOutput } from './export/output.ts'
import { stageLabel } from './plan/step-table.ts'
import {
  planEvent,
  planPlatforms,
  type PlatformPlan,
  requestedPlatforms,
  shownSteps,
  stepsOf,
} from './platform-plans.ts'
import { readDockerfile } from './read-dockerfile.ts'
import { reportWarnings } from './report-warnings.ts'
import { runSteps } from './schedule.ts'
import { makeLock, readPins } from './lock/make-lock.ts'
import type { Pins } from './lock/pins.ts'
import { criticalPath, PhaseClock } from './measure.ts'
import type { BuildSession } from './session.ts'
import { runOptions } from './run-options.ts'
import type { StepNetworks, StepRunner } from './step-runner.ts'
import { Views } from './views.ts'

export interface BuilderParts {
  readonly store: Store
  readonly baseImages: BaseImages
  readonly runner: StepRunner
  readonly imageWriter: ImageWriter
  /** Private networks of RUN steps; without them steps share the network of this machine. */
  readonly networks?: StepNetworks
  /** Steps side by side; default: the processors, at least 8, as most steps wait for the network or the disk. */
  readonly parallelism?: number
}

type BuildOptions = OpOptions & { readonly onEvent?: (event: BuildEvent) => void }

/** Builds images from Dockerfiles on a store. Opening costs nothing. */
export function createBuilder(parts: BuilderParts): Builder {
  return {
    build: (wish, options = {}) => buildAndTidy(parts, complete(wish), options),
    lock: (wish, options = {}) => makeLock(parts, complete(wish), options),
    report: (image) => {
      const kept = parts.store.images.report(image)
      return Promise.resolve(kept && readReport(kept))
    },
    cacheUsage: () => cacheUsage(parts.store),
    check: (wish, options = {}) => checkBuild(parts, complete(wish), options),
    outline: (wish, options = {}) => outlineBuild(parts, complete(wish), options),
    targets: (wish, options = {}) => listTargets(parts, complete(wish), options),
    prune: (options) => pruneCache(parts.store, options),
  }
}

function complete(wish: BuildWish): BuildRequest {
  return {
    names: [],
    buildArgs: {},
    labels: {},
    noCache: false,
    pull: false,
    network: 'default',
    timestamps: 'constant',
    ...wish,
  }
}

/** The cache is kept in bounds once the build's own lease has ended. */
async function buildAndTidy(
  parts: BuilderParts,
  request: BuildRequest,
  options: BuildOptions,
): Promise<BuildResult> {
  const result = await build(parts, request, options)
  try {
    if (request.cacheLimit !== Infinity) await applyPolicy(parts.store, request.cacheLimit, Date.now())
  } catch (error) {
    // the image is there: what cannot be tidied now will be next time
    if (!isMilleError(error)) throw error
    const message = `the build cache could not be tidied: ${error.message}`
    options.onEvent?.({ type: 'warning', rule: 'CachePolicy', message })
  }
  return result
}

async function build(
  parts: BuilderParts,
  request: BuildRequest,
  options: BuildOptions,
): Promise<BuildResult> {
  const clock = new PhaseClock()
  const { now } = clock
  const emit = (event: BuildEvent): void => options.onEvent?.(event)
  const { store } = parts
  const names = canonicalNames(request.names)
  const outputs = request.outputs ?? [imageOutput]
  const platforms = requestedPlatforms(request)
  if (request.offline === true) checkOffline(request.pull, outputs)
  const attestations = wantedAttestations(request, outputs)
  checkOutputs(outputs, { names, images: platforms.length, attested: attestations !== undefined })
  const sources = { store, signal: options.signal, ...credentialsOf(request) }
  await using context = await openContext(request, sources)
  await using trees = new OpenTrees(request.contexts ?? {}, sources)
  const dockerfile = readDockerfile(context, request)
  const pins = request.locked === true ? readPins(context) : undefined
  clock.end('reading')
  await using lease = await store.lease('build')
  const { pull, offline = false } = request
  const { signal, onProgress } = options
  const plans = await planPlatforms(dockerfile, request, platforms, (name, platform) =>
    parts.baseImages.resolve(name, platform, {
      pull,
      offline,
      pinned: pins?.image(name),
      lease,
      signal,
      onProgress,
    }),
  )
  const ignore = context.ignore?.rules
  // what checks and warnings are about is the same on every platform
  for (const { plan } of plans.slice(0, 1)) {
    reportWarnings(dockerfile, recheck(dockerfile, { ...plan.facts, ...(ignore && { ignore }) }), emit)
    for (const warning of plan.warnings) emit({ type: 'warning', ...warning })
  }
  emit(planEvent(plans))
  clock.end('planning')
  const executor = await runPlans(
    parts,
    request,
    { context, trees, dockerfile, pins, lease, plans, now, emit },
    options,
  )
  const epoch = epochOf(request)
  clock.end('steps')
  const steps = reportsOf(plans, executor)
  const finished = plans.map((one) => finishedImage(request, one, executor))
  if (request.maxSize !== undefined) {
    const built = {
      images: finished,
      plans: plans.map(({ plan }) => plan),
      results: executor.results,
      outputs,
    }
    await checkBudget({ store, lease, signal }, built, request.maxSize)
  }
  const id = `build-${lease.id}`
  const facts = { store, id, request, dockerfile, plans, results: executor.results, epoch, emit, now, signal }
  const images = attestations === undefined ? finished : await attest(facts, finished, attestations)
  const work = {
    store,
    lease,
    id,
    names,
    images,
    report: writeReport(context.scope, { builtAt: Date.now(), dockerfile: context.fileName, steps }),
    epoch,
    emit,
    now,
    signal,
  }
  // at the very end: until then there is no image and no name (all or nothing)
  const exported = await exportBuild({ ...work, writer: parts.imageWriter }, outputs)
  clock.end('export')
  return { ...exported, steps, times: clock.times() }
}

function reportsOf(plans: readonly PlatformPlan[], { reports }: StepExecutor): StepReport[] {
  const critical = criticalPath(stepsOf(plans), reports)
  return shownSteps(plans).flatMap(({ id }) => {
    const report = reports.get(id)
    if (report === undefined) return []
    return critical.has(id) ? { ...report, critical: true } : report
  })
}

/** Only what ends in an index can hold statements. */
function wantedAttestations(
  { attestations }: BuildRequest,
  outputs: readonly BuildOutput[],
): AttestationRequest | undefined {
  if (attestations?.provenance === undefined && attestations?.sbom !== true) return undefined
  return outputs.some(holdsAttestations) ? attestations : undefined
}

/** Loaded with the first build that wants it. */
async function attest(
  work: AttestWork,
  images: readonly FinishedImage[],
  request: AttestationRequest,
): Promise<FinishedImage[]> {
  return (await import('./attest/attest-images.ts')).attestImages(work, images, request)
}

function finishedImage(
  request: BuildRequest,
  { platform, plan: { image } }: PlatformPlan,
  { results }: StepExecutor,
): FinishedImage {
  const { base, baseDiffIds } = image
  return {
    platform,
    config: imageConfigOf(image, results, { labels: request.labels, epoch: epochOf(request) }),
    baseLayers: baseDiffIds.length,
    ...(base === undefined ? {} : { parent: base.id }),
  }
}

function epochOf({ epoch, buildArgs }: BuildRequest): number {
  const given = buildArgs['SOURCE_DATE_EPOCH']
  if (epoch !== undefined) return epoch
  if (given === undefined) return 0
  if (/^\d{1,12}$/.test(given)) return Number(given)
  throw failure('INVALID_ARGUMENT', { reason: `SOURCE_DATE_EPOCH must be whole seconds, not "${given}"` })
}

interface RunningBuild {
  readonly context: OpenedContext
  readonly trees: OpenTrees
  readonly dockerfile: Dockerfile
  readonly pins: Pins | undefined
  readonly lease: Lease
  readonly plans: readonly PlatformPlan[]
  readonly now: () => number
  readonly emit: (event: BuildEvent) => void
}

async function runPlans(
  { store, runner, networks, parallelism }: BuilderParts,
  request: BuildRequest,
  { context, trees, dockerfile, pins, lease, plans, now, emit }: RunningBuild,
  { signal }: BuildOptions,
): Promise<StepExecutor> {
  // the collector knows by the lease's ID whose snapshots these are
  const id = `build-${lease.id}`
  const cache = new StepCache(store, lease, await store.folder('contexts'))
  const steps = stepsOf(plans)
  const executor = new StepExecutor({
    cache,
    noCache: request.noCache,
    noCacheStages: noCacheStages(request, dockerfile, emit),
    scope: context.scope,
    planned: new Set(steps.map(({ name }) => name)),
    // only a folder has an ignore file that is asked
    ...(request.context.kind === 'folder' && { ignore: ignoreFacts(context, steps) }),
  })
  const run = await runOptions(request, runner, emit)
  await removeLeftovers(store, runner)
  await using _alive = await store.lock(id)
  const folder = await store.folder('builds', id)
  try {
    await using views = new Views(store, id)
    const session: Omit<BuildSession, 'signal'> = {
      id,
      store,
      runner,
      dockerfile,
      lease,
      timestamps: request.timestamps,
      epoch: epochOf(request),
      hasEpoch: request.epoch !== undefined || request.buildArgs['SOURCE_DATE_EPOCH'] !== undefined,
      cache,
      scope: context.scope,
      run,
      ...credentialsOf(request),
      ...(pins && { pins }),
      folder,
      emit,
      now,
      context: async (name) => (name === undefined ? context.tree() : await trees.tree(name)),
      tree: (chain) => views.tree(chain),
      view: (chain) => views.path(chain),
      lower: (chain) => views.lower(chain),
      ...(networks === undefined ? {} : { networks }),
      ...(request.measured === true && { cpu: new Map<string, number>() }),
    }
    const limit = parallelism ?? Math.max(8, availableParallelism())
    await runSteps(steps, limit, signal, (step, stepSignal) =>
      executor.execute({ ...session, signal: stepSignal }, step),
    )
    cache.countUses()
    return executor
  } finally {
    await removeBuildFolder(folder)
  }
}

/** Labels of the stages that `--no-cache-filter` names; an unknown one is a warning, as nothing is harmed by it. */
function noCacheStages(
  { noCacheFilter = [] }: BuildRequest,
  { stages }: Dockerfile,
  emit: (event: BuildEvent) => void,
): ReadonlySet<string> {
  const labels = noCacheFilter.flatMap((name) => {
    const found = findStage(stages, name) ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined)
    if (found !== undefined) return [stageLabel(found)]
    const near = suggest(name, stages.map(stageLabel))
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    emit({
      type: 'warning',
      rule: 'NoCacheFilter',
      message: `--no-cache-filter: no stage is called "${name}"${hint}`,
    })
    return []
  })
  return new Set(labels)
}

/** Canonical names, checked before anything runs (D-C4). */
function canonicalNames(names: readonly string[]): string[] {
  return names.map((name) => formatReference(withDefaultTag(parseReference(name))))
}
