import { availableParallelism } from 'node:os'
import type { Dockerfile } from '../dockerfile/ast.ts'
import { findStage } from '../dockerfile/stages.ts'
import type { Lease } from '../store/store.ts'
import { messageOf } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { BuildEvent, BuildRequest } from './build.ts'
import { removeBuildFolder, removeLeftovers } from './build-leftovers.ts'
import type { BuilderParts, BuildOptions } from './builder-parts.ts'
import type { ImportedCache } from './cache/remote/imported-cache.ts'
import { cacheWarning, importCaches } from './cache/remote/use-caches.ts'
import { StepCache } from './cache/step-cache.ts'
import { ignoreFacts } from './cache/suggest-ignore.ts'
import type { OpenedContext } from './context/open-context.ts'
import type { OpenTrees } from './context/open-trees.ts'
import { FailedSteps } from './debug/failed-steps.ts'
import { epochOf } from './epoch.ts'
import { StepExecutor } from './execute-step.ts'
import type { BuildOutput } from './export/output.ts'
import type { Pins } from './lock/pins.ts'
import { stageLabel } from './plan/step-table.ts'
import { type PlatformPlan, stepsOf } from './platform-plans.ts'
import { runOptions } from './run-options.ts'
import { runSteps } from './schedule.ts'
import type { BuildSession } from './session.ts'
import { credentialsOf } from './sources/source-access.ts'
import { Views } from './views.ts'

/** A build whose steps are known. */
export interface RunningBuild {
  readonly context: OpenedContext
  readonly trees: OpenTrees
  readonly dockerfile: Dockerfile
  readonly pins: Pins | undefined
  readonly lease: Lease
  readonly plans: readonly PlatformPlan[]
  readonly now: () => number
  readonly emit: (event: BuildEvent) => void
}

export interface Executed {
  readonly executor: StepExecutor
  readonly imported: ImportedCache
}

/**
 * With what other machines built; where that turns out to be damaged, once more without it (B-BD-10), and once more where a
 * layer is needed after all that an earlier build left where it was.
 */
export async function runWithCaches(
  parts: BuilderParts,
  request: BuildRequest,
  running: RunningBuild,
  outputs: readonly BuildOutput[],
  options: BuildOptions,
): Promise<Executed> {
  const { cacheFrom = [] } = request
  const { lease, now, emit, plans } = running
  const work = { store: parts.store, lease, open: parts.openCache, emit, now, signal: options.signal }
  const reachable =
    request.offline === true ? cacheFrom.filter(({ address }) => address.type === 'local') : cacheFrom
  if (reachable.length < cacheFrom.length)
    emit(cacheWarning('a build that is offline imports local caches only'))
  const imported = await importCaches(work, reachable)
  const attempt = async (used: ImportedCache, trustsElsewhere: boolean): Promise<Executed> => {
    const executor = await runPlans(parts, request, running, options, { imported: used, trustsElsewhere })
    for (const { plan } of outputs.every(({ kind }) => kind === 'none') ? [] : plans)
      await used.need(
        plan.image.root === undefined ? undefined : executor.results.get(plan.image.root)?.chain,
      )
    await used.settle()
    return { executor, imported: used }
  }
  try {
    return await attempt(imported, true).catch((error: unknown) => {
      if (!imported.isLost) throw error
      imported.restart()
      return attempt(imported, false)
    })
  } catch (error) {
    if (imported.failure === undefined) throw error
    emit(cacheWarning(`an imported cache is damaged and not used: ${imported.failure}`))
    return await attempt(await importCaches(work, []), false)
  }
}

interface CachesToUse {
  readonly imported: ImportedCache
  readonly trustsElsewhere: boolean
}

async function runPlans(
  { store, runner, networks, parallelism }: BuilderParts,
  request: BuildRequest,
  { context, trees, dockerfile, pins, lease, plans, now, emit }: RunningBuild,
  { signal, machine }: BuildOptions,
  { imported, trustsElsewhere }: CachesToUse,
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
    imported,
    trustsElsewhere,
    planned: new Set(steps.map(({ name }) => name)),
    // only a folder has an ignore file that is asked
    ...(request.context.kind === 'folder' && { ignore: ignoreFacts(context, steps) }),
  })
  const run = await runOptions(request, runner, emit, machine)
  await removeLeftovers(store, runner)
  await new FailedSteps(store).removeOld(context.scope, Date.now())
  await using _alive = await store.lock(id)
  const folder = await store.folder('builds', id)
  try {
    await using views = new Views(store, id, (chain) => imported.need(chain))
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
      ...(machine && { machine }),
      ...credentialsOf(request),
      keepsFailures: request.forgetFailures !== true,
      folder,
      emit,
      now,
      context: async (name) => (name === undefined ? context.tree() : await trees.tree(name)),
      tree: (chain) => views.tree(chain),
      view: (chain) => views.path(chain),
      lower: (chain) => views.lower(chain),
      ...(networks === undefined ? {} : { networks }),
      ...(pins && { pins }),
      bringMount: mountBringer(imported, emit, signal),
      ...(request.measured === true && { cpu: new Map<string, number>() }),
    }
    const limit = machine?.parallelism ?? parallelism ?? Math.max(8, availableParallelism())
    await runSteps(steps, limit, signal, (step, stepSignal) =>
      executor.execute({ ...session, signal: stepSignal }, step),
    )
    cache.countUses()
    return executor
  } finally {
    await removeBuildFolder(folder)
  }
}

/** A cache mount that is damaged or out of reach begins empty, as it would without the cache. */
function mountBringer(
  imported: ImportedCache,
  emit: (event: BuildEvent) => void,
  signal: AbortSignal | undefined,
): NonNullable<BuildSession['bringMount']> {
  return async (name, key, folder) => {
    try {
      return await imported.bringMount(key, folder)
    } catch (error) {
      if (signal?.aborted === true) throw error
      emit(cacheWarning(`the cache mount ${name} begins empty: ${messageOf(error)}`))
      return undefined
    }
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
