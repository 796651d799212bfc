import type { Dockerfile } from '../dockerfile/ast.ts'
import { recheck } from '../dockerfile/checks.ts'
import type { IgnoreRules } from '../dockerfile/ignore.ts'
import type { Platform } from '../oci/platform.ts'
import { canonicalName } from '../oci/reference.ts'
import type { Lease } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'
import type { BuilderParts, BuildOptions, OpenElsewhere } from './builder-parts.ts'
import { epochOf } from './epoch.ts'
import { finishedImage } from './finished-image.ts'
import { runWithCaches } from './run-plans.ts'
import type { AttestWork } from './attest/attest-images.ts'
import type { AttestationRequest } from './attest/attestation.ts'
import type { BuildEvent, BuildRequest, BuildResult, BuildWish, Builder, StepReport } from './build.ts'
import { exportCaches } from './cache/remote/use-caches.ts'
import { applyPolicy } from './cache/policy.ts'
import { pruneCache } from './cache/prune.ts'
import { cacheUsage } from './cache/usage.ts'
import { readReport, writeReport } from './build-report.ts'
import { openContext } from './context/open-context.ts'
import { OpenTrees } from './context/open-trees.ts'
import { credentialsOf } from './sources/source-access.ts'
import { checkBuild, listTargets, outlineBuild } from './answer-calls.ts'
import { debugStep } from './debug/debug-step.ts'
import type { StepExecutor } from './execute-step.ts'
import { checkBudget } from './export/budget.ts'
import {
  canBeAttested,
  checkOffline,
  checkOutputs,
  exportBuild,
  type FinishedImage,
} from './export/export-build.ts'
import { type BuildOutput, imageOutput } from './export/output.ts'
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
import { makeLock, readPins } from './lock/make-lock.ts'
import type { Pins } from './lock/pins.ts'
import { criticalPath, PhaseClock } from './measure.ts'

/** Builds images from Dockerfiles on a store. Opening costs nothing. */
export function createBuilder(parts: BuilderParts & { readonly openElsewhere: OpenElsewhere }): Builder {
  return {
    build: (wish, options = {}) => buildAndTidy(parts, complete(wish), options),
    debug: (id, wish, options = {}) => debugStep(parts, id, wish, options),
    lock: (wish, options = {}) => makeLock(parts, complete(wish), options),
    repro: async (wish, options = {}) => {
      const { checkRepro } = await import('./repro/check-repro.ts')
      return await checkRepro(build, parts, complete(wish), options)
    },
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
  const { signal } = options
  const emit = (event: BuildEvent): void => options.onEvent?.(event)
  const { store, imageWriter: writer } = parts
  const wanted = checkWish(request)
  const sources = { store, signal, checkout: options.machine?.checkout, ...credentialsOf(request) }
  await using context = await openContext(request, sources)
  await using trees = new OpenTrees(request.contexts ?? {}, sources)
  const dockerfile = readDockerfile(context, request)
  const pins = request.locked === true ? readPins(context) : undefined
  clock.end('reading')
  // a power cut takes the cache of a build without an image in any case: syncing its layers one by one would gain nothing
  await using lease = await store.lease('build', { deferred: true })
  const plans = await planAll(parts, request, { dockerfile, pins, lease, wanted }, options)
  announce(dockerfile, plans, context.ignore?.rules, emit)
  clock.end('planning')
  const running = { context, trees, dockerfile, pins, lease, plans, now, emit }
  const { executor, imported } = await runWithCaches(parts, request, running, wanted.outputs, options)
  clock.end('steps')
  const steps = reportsOf(plans, executor)
  const report = writeReport(context.scope, { builtAt: Date.now(), dockerfile: context.fileName, steps })
  const work = { store, lease, id: `build-${lease.id}`, epoch: epochOf(request), emit, now, signal }
  const stating = { ...work, request, dockerfile, plans }
  const images = await finishImages(request, stating, executor, wanted)
  options.onBuilt?.({ dockerfile, plans, results: executor.results, images })
  // at the very end: until then there is no image and no name (all or nothing)
  const { names, outputs } = wanted
  const exported = await exportBuild({ ...work, writer, names, images, report }, outputs)
  if (request.cacheTo !== undefined) {
    const built = { plans, results: executor.results, keys: executor.keys }
    await exportCaches({ ...work, writer, open: parts.openCache, built, imported }, request.cacheTo)
  }
  const recorded = await record({ ...stating, results: executor.results }, images)
  clock.end('export')
  const metadata = { ...exported.metadata, ...recorded }
  return { ...exported, metadata, steps, times: clock.times() }
}

/** What a request asks for, once it is known to make sense. */
interface Wanted {
  /** Canonical. */
  readonly names: readonly string[]
  readonly outputs: readonly BuildOutput[]
  readonly platforms: readonly Platform[]
  readonly attestations: AttestationRequest | undefined
}

/** Before anything is read or run (D-C4, D-C7, D-C8). */
function checkWish(request: BuildRequest): Wanted {
  const names = request.names.map(canonicalName)
  const outputs = request.outputs ?? [imageOutput]
  const platforms = requestedPlatforms(request)
  if (request.offline === true) checkOffline(request, outputs)
  const attestations = wantedAttestations(request, outputs)
  checkOutputs(outputs, { names, images: platforms.length, attested: attestations !== undefined })
  return { names, outputs, platforms, attestations }
}

interface Planning {
  readonly dockerfile: Dockerfile
  readonly pins: Pins | undefined
  readonly lease: Lease
  readonly wanted: Wanted
}

async function planAll(
  { baseImages }: BuilderParts,
  request: BuildRequest,
  { dockerfile, pins, lease, wanted }: Planning,
  { signal, onProgress }: BuildOptions,
): Promise<PlatformPlan[]> {
  const { pull, offline = false } = request
  return await planPlatforms(dockerfile, request, wanted.platforms, (name, platform) =>
    baseImages.resolve(name, platform, {
      pull,
      offline,
      pinned: pins?.image(name),
      lease,
      signal,
      onProgress,
    }),
  )
}

/** Warnings first, then the steps. What checks and warnings are about is the same on every platform. */
function announce(
  dockerfile: Dockerfile,
  plans: readonly PlatformPlan[],
  ignore: IgnoreRules | undefined,
  emit: (event: BuildEvent) => void,
): void {
  for (const { plan } of plans.slice(0, 1)) {
    reportWarnings(dockerfile, recheck(dockerfile, { ...plan.facts, ...(ignore && { ignore }) }), emit)
    for (const warning of plan.warnings) emit({ type: 'warning', ...warning })
  }
  emit(planEvent(plans))
}

/** The images of all platforms, within their budget, with what was asked to be stated about them. */
async function finishImages(
  request: BuildRequest,
  work: Omit<AttestWork, 'results'> & { readonly lease: Lease },
  { results, keys }: StepExecutor,
  { outputs, attestations }: Wanted,
): Promise<readonly FinishedImage[]> {
  const { plans } = work
  const images = plans.map((one) => finishedImage(request, one, { plans, results, keys }))
  if (request.maxSize !== undefined) {
    const built = { images, plans: plans.map(({ plan }) => plan), results, outputs }
    await checkBudget(work, built, request.maxSize)
  }
  return attestations === undefined ? images : await attest({ ...work, results }, images, attestations)
}

function reportsOf(plans: readonly PlatformPlan[], { reports }: StepExecutor): StepReport[] {
  const critical = criticalPath(stepsOf(plans), reports)
  return shownSteps(plans).flatMap(({ id }) => {
    const report = reports.get(id)
    if (report === undefined) return []
    return critical.has(id) ? { ...report, critical: true } : report
  })
}

/** Nobody states what no output has a place for. */
function wantedAttestations(
  { attestations }: BuildRequest,
  outputs: readonly BuildOutput[],
): AttestationRequest | undefined {
  if (attestations?.provenance === undefined && attestations?.sbom !== true) return undefined
  return outputs.some(canBeAttested) ? attestations : undefined
}

async function record(
  work: AttestWork,
  images: readonly FinishedImage[],
): Promise<Readonly<Record<string, unknown>>> {
  const { recordProvenance: mode } = work.request
  if (mode === undefined) return {}
  return await (await import('./attest/attest-images.ts')).recordedProvenance(work, images, mode)
}

/** Loaded with the first build that wants it. */
async function attest(
  work: AttestWork,
  images: readonly FinishedImage[],
  request: AttestationRequest,
): Promise<FinishedImage[]> {
  return (await import('./attest/attest-images.ts')).attestImages(work, images, request)
}
