import { failure } from '../../util/errors.ts'
import type { WatchRule } from '../model/develop-shape.ts'
import type { Project } from '../model/project.ts'
import { selectServices } from '../model/select-services.ts'
import { runHooks } from '../run/hooks.ts'
import { listContainers, type Observed, ofService } from '../run/observed.ts'
import type { ComposeParts } from '../run/parts.ts'
import { upProject } from '../run/up.ts'
import { type RuleFilter, ruleFilter } from './rule-filter.ts'
import { syncFiles } from './sync-files.ts'
import { watchFiles } from './watch-files.ts'

interface Watched {
  readonly service: string
  readonly rule: WatchRule
  readonly filter: RuleFilter
}

/** Does what the rules of `develop.watch` say when files change, until the signal. COMPOSE_FAILED when there are none. */
export async function watchProject(
  parts: ComposeParts,
  project: Project,
  say: (text: string) => void,
): Promise<void> {
  const watched: Watched[] = []
  for (const [service, fields] of Object.entries(project.services)) {
    for (const rule of fields.develop?.watch ?? []) {
      checkRule(service, rule, fields.build !== undefined)
      watched.push({ service, rule, filter: await ruleFilter(rule, fields) })
    }
  }
  if (watched.length === 0)
    throw failure('COMPOSE_FAILED', {
      reason: 'none of the selected services is configured for watch, consider setting a `develop` section',
    })
  for (const { service, rule, filter } of watched) {
    if (rule.initial_sync !== true || !rule.action.startsWith('sync')) continue
    await syncFiles(parts, await running(parts, project, service), rule, [rule.path], filter)
  }
  say('Watch enabled')
  // one after the other: two builds of a service at once would undo each other
  let last = Promise.resolve()
  await Promise.all(
    watched.map(async (one) => {
      for await (const batch of watchFiles(one.rule.path, parts.signal)) {
        const paths = batch.filter(one.filter)
        if (paths.length === 0) continue
        const work = last.then(() => act(parts, project, one, paths, say))
        last = work.catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
        await last
      }
    }),
  )
}

function checkRule(service: string, { action, target }: WatchRule, canBuild: boolean): void {
  const wrong = (reason: string): Error =>
    failure('COMPOSE_FAILED', { reason: `service ${service}: ${reason}` })
  if (action.startsWith('sync') && target === undefined) throw wrong(`watch action ${action} needs a target`)
  if (action === 'rebuild' && !canBuild) throw wrong('watch action rebuild needs a build section')
}

async function running(parts: ComposeParts, project: Project, service: string): Promise<Observed[]> {
  return ofService(await listContainers(parts, project.name, { all: false }), service)
}

async function act(
  parts: ComposeParts,
  project: Project,
  { service, rule, filter }: Watched,
  paths: readonly string[],
  say: (text: string) => void,
): Promise<void> {
  const { action, exec } = rule
  if (action === 'rebuild') {
    say(`Rebuilding service(s) ["${service}"] after changes were detected...`)
    const own = selectServices(project, [service])
    await upProject(parts, own, { scales: new Map(), recreate: 'diverged', asked: [service], build: true })
    say(`service(s) ["${service}"] successfully built`)
    return
  }
  const containers = await running(parts, project, service)
  if (action.startsWith('sync')) {
    say(`Syncing service "${service}" after ${paths.length} changes were detected`)
    await syncFiles(parts, containers, rule, paths, filter)
  }
  if (action === 'restart' || action === 'sync+restart') {
    for (const { id } of containers) await parts.engine.containers.restart(id)
    say(`service(s) ["${service}"] restarted`)
  }
  const { command, ...how } = exec
  if (action === 'sync+exec' && command !== null)
    for (const { id } of containers) await runHooks(parts, id, [{ ...how, command }])
}
