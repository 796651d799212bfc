import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { excludeRules, parseIgnore } from '../../dockerfile/ignore.ts'
import type { WatchRule } from '../model/develop-shape.ts'
import type { Service } from '../model/service.ts'

/** Is a change of that path one for the rule? */
export type RuleFilter = (path: string) => boolean

/** What editors and version control write is never meant. */
const never = ['**/.git', '**/*.swp', '**/*~', '**/.#*', '**/4913', '**/.idea', '**/.DS_Store']

/** Patterns as in `.dockerignore`, from the rule's path; what the build of the service ignores counts too. IGNORE_PATTERN_INVALID. */
export async function ruleFilter(rule: WatchRule, { build }: Service): Promise<RuleFilter> {
  const ignored = excludeRules([...never, ...(rule.ignore ?? [])])
  const included = rule.include === undefined ? undefined : excludeRules(rule.include)
  const context = build?.context?.startsWith('/') === true ? build.context : undefined
  const ofBuild = context === undefined ? undefined : await contextRules(context)
  return (path) => {
    const name = relative(rule.path, path)
    if (name === '') return true
    if (ignored.match(name).ignored) return false
    if (included !== undefined && !included.match(name).ignored) return false
    if (context === undefined || ofBuild === undefined) return true
    const inContext = relative(context, path)
    return inContext.startsWith('..') || !ofBuild.match(inContext).ignored
  }
}

async function contextRules(context: string): Promise<ReturnType<typeof parseIgnore> | undefined> {
  const file = join(context, '.dockerignore')
  try {
    return parseIgnore(await readFile(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
