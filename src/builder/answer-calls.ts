import type { Dockerfile } from '../dockerfile/ast.ts'
import { recheck } from '../dockerfile/checks.ts'
import { decodeSource } from '../dockerfile/source.ts'
import { warningsOf } from '../dockerfile/problem.ts'
import { outlineOf, targetsOf } from '../dockerfile/outline.ts'
import { getTarget } from '../dockerfile/stages.ts'
import { isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import type { BuildRequest } from './build.ts'
import type { CheckReport, OutlineReport, TargetsReport } from './calls.ts'
import type { BuilderParts } from './builder-parts.ts'
import { openContext } from './context/open-context.ts'
import type { ContextOptions, OpenedContext } from './context/open-context.ts'
import { credentialsOf } from './sources/source-access.ts'
import { explorePlan } from './plan/make-plan.ts'
import type { Exploration } from './plan/make-plan.ts'
import { planOptions } from './plan-options.ts'
import { readDockerfile } from './read-dockerfile.ts'
import { violatedRules } from './report-warnings.ts'

/** Runs every check on all stages. Base images are asked for their config; no layer is read, no step is run. */
export async function checkBuild(
  parts: BuilderParts,
  request: BuildRequest,
  options: OpOptions,
): Promise<CheckReport> {
  await using context = await openContext(request, sourceOptions(parts, request, options))
  const { fileName } = context
  const { text: source } = decodeSource(context.source, fileName)
  let dockerfile: Dockerfile
  try {
    dockerfile = readDockerfile(context, request)
  } catch (error) {
    if (!isMilleError(error)) throw error
    return { fileName, source, warnings: warningsOf(error), violations: [], failure: error }
  }
  const { facts, failure } = await explore(parts, request, dockerfile, 'all', options)
  const warnings = recheck(dockerfile, { ...facts, ...(context.ignore && { ignore: context.ignore.rules }) })
  const violations = violatedRules(dockerfile, warnings)
  return { fileName, source, warnings, violations, ...(failure && { failure }) }
}

export async function outlineBuild(
  parts: BuilderParts,
  request: BuildRequest,
  options: OpOptions,
): Promise<OutlineReport> {
  await using context = await openContext(request, sourceOptions(parts, request, options))
  const dockerfile = readDockerfile(context, request)
  const target = getTarget(dockerfile, request.target)
  const { facts, failure } = await explore(parts, request, dockerfile, 'target', options)
  if (failure !== undefined) throw failure
  return { ...sourceOf(context, dockerfile), outline: outlineOf(dockerfile, target, facts) }
}

export async function listTargets(
  parts: BuilderParts,
  request: BuildRequest,
  options: OpOptions,
): Promise<TargetsReport> {
  await using context = await openContext(request, sourceOptions(parts, request, options))
  const dockerfile = readDockerfile(context, request)
  return { ...sourceOf(context, dockerfile), targets: targetsOf(dockerfile) }
}

function sourceOptions(
  { store }: BuilderParts,
  request: BuildRequest,
  { signal }: OpOptions,
): ContextOptions {
  return { store, signal, ...credentialsOf(request) }
}

function sourceOf({ fileName }: OpenedContext, { source }: Dockerfile): { fileName: string; source: string } {
  return { fileName, source }
}

async function explore(
  { store, baseImages }: BuilderParts,
  request: BuildRequest,
  dockerfile: Dockerfile,
  stages: 'all' | 'target',
  { signal }: OpOptions,
): Promise<Exploration> {
  await using lease = await store.lease('check')
  const { pull, offline = false } = request
  const plan = planOptions(request, (name, platform) =>
    baseImages.describe(name, platform, { pull, offline, lease, signal }),
  )
  return await explorePlan(dockerfile, stages, plan)
}
