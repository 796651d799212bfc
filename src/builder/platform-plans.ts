import type { Dockerfile } from '../dockerfile/ast.ts'
import { checkPlatform } from '../dockerfile/values.ts'
import { formatPlatform, hostPlatform, type Platform } from '../oci/platform.ts'
import { failure } from '../util/errors.ts'
import type { BuildEvent, BuildRequest } from './build.ts'
import { planOptions } from './plan-options.ts'
import type { BuildPlan } from './plan/image-plan.ts'
import { makePlan, type PlanOptions } from './plan/make-plan.ts'
import type { SharedSteps } from './plan/step-table.ts'
import type { BuildStep, StepId } from './plan/step.ts'

/** What a build does for one of its platforms. */
export interface PlatformPlan {
  /** As it was asked for. */
  readonly platform: Platform
  readonly plan: BuildPlan
}

/** Each platform that was asked for once; this machine's without any. INVALID_ARGUMENT for one that nobody has (D-C7). */
export function requestedPlatforms({ platforms = [] }: BuildRequest): readonly Platform[] {
  for (const platform of platforms) refuseUnknown(platform)
  if (platforms.length === 0) return [hostPlatform()]
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()]
}

/** A plan for each platform; steps that are the same in several are one step of one ID. */
export async function planPlatforms(
  dockerfile: Dockerfile,
  request: BuildRequest,
  platforms: readonly Platform[],
  resolve: PlanOptions['resolve'],
): Promise<PlatformPlan[]> {
  const shared: SharedSteps | undefined = platforms.length > 1 ? new Map() : undefined
  const plans: PlatformPlan[] = []
  for (const platform of platforms) {
    const options = { ...planOptions(request, resolve), platform, ...(shared && { shared }) }
    plans.push({ platform, plan: await makePlan(dockerfile, options) })
  }
  return plans
}

/** Every step once, inputs before users. */
export function stepsOf(plans: readonly PlatformPlan[]): BuildStep[] {
  return [...new Map(plans.flatMap(({ plan }) => plan.steps).map((step) => [step.id, step])).values()]
}

/** Putting a layer on another is no step to whoever looks on. */
export function shownSteps(plans: readonly PlatformPlan[]): BuildStep[] {
  return stepsOf(plans).filter(({ op }) => op.kind !== 'link')
}

/** What progress shows of the plans: where there are several platforms, each step with its own. */
export function planEvent(plans: readonly PlatformPlan[]): BuildEvent {
  const several = plans.length > 1
  const places = new Map(plans.toReversed().flatMap((plan) => [...placesIn(plan)]))
  const steps = shownSteps(plans).map(({ id, name, stage, platform, target }) => {
    const arrow = target === undefined ? '' : `->${formatPlatform(target).replace(`${platform.os}/`, '')}`
    const place = places.get(id) ?? ''
    return { id, name, stage, place, ...(several && { platform: `${formatPlatform(platform)}${arrow}` }) }
  })
  return { type: 'plan', steps }
}

/** `2/5`: which of its stage's steps each is. */
function placesIn(plan: PlatformPlan): Map<StepId, string> {
  const stages = Map.groupBy(shownSteps([plan]), ({ stage }) => stage)
  const members = [...stages.values()]
  return new Map(
    members.flatMap((steps) => steps.map(({ id }, index) => [id, `${index + 1}/${steps.length}`] as const)),
  )
}

function refuseUnknown(platform: Platform): void {
  const fault = checkPlatform(formatPlatform(platform))
  if (fault === undefined) return
  const hint = fault.suggestion === undefined ? '' : ` (did you mean ${fault.suggestion}?)`
  throw failure('INVALID_ARGUMENT', { reason: `${fault.reason}${hint}` })
}
