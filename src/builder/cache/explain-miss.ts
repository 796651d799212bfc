import { shortId } from '../../oci/digest.ts'
import type { CacheRecord, Ingredient } from '../../store/store.ts'
import type { CacheMiss } from '../build.ts'

type Difference = CacheMiss['differences'][number]
type Files = ReadonlyMap<string, string>

export interface MissFacts {
  readonly ingredients: readonly Ingredient[]
  /** The newest record of the same step; undefined when it was never built. */
  readonly previous?: CacheRecord
  readonly files?: Files
  readonly previousFiles?: Files
  /** Names of steps this one goes on from that were not cached in this build. */
  readonly changedInputs: readonly string[]
}

/** Which reason is told first, when several things differ: what the user did last is rarely the base. */
const order = [
  'text',
  'file',
  'mode',
  'added',
  'removed',
  'argument',
  'environment',
  'platform',
  'base',
  'input',
]

/** Why a step had to run: compares its ingredients with those of the last time. */
export function explainMiss(facts: MissFacts): CacheMiss {
  const { ingredients, previous, changedInputs } = facts
  if (previous === undefined) return { reason: 'never-built', summary: 'not built before', differences: [] }
  const found = [
    ...compare(previous.ingredients, ingredients),
    ...compareFiles(facts.previousFiles, facts.files),
  ].filter(({ kind, name }) => !(kind === 'file' && name === 'files' && facts.files && facts.previousFiles))
  const sorted = found.toSorted((a, b) => rank(a.kind) - rank(b.kind))
  const [first] = sorted
  const differences = sorted.slice(0, 1000).map(toDifference)
  if (first === undefined || (first.kind === 'input' && changedInputs.length > 0)) {
    const name = changedInputs[0] ?? 'an earlier step'
    return { reason: 'input', summary: `because of ${name}`, differences }
  }
  return { reason: first.kind, summary: summarise(first, sorted, facts), differences }
}

interface Found extends Difference {
  readonly kind: string
}

function toDifference({ name, before, after }: Found): Difference {
  return { name, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
}

const rank = (kind: string): number => {
  const at = order.indexOf(kind)
  return at < 0 ? order.length : at
}

function compare(before: readonly Ingredient[], after: readonly Ingredient[]): Found[] {
  const id = ({ kind, name }: Ingredient): string => `${kind} ${name}`
  const old = new Map(before.map((one) => [id(one), one]))
  const now = new Map(after.map((one) => [id(one), one]))
  const changed = after.flatMap((one): Found[] => {
    const was = old.get(id(one))
    if (was?.value === one.value) return []
    return [{ kind: one.kind, name: one.name, ...(was && { before: was.value }), after: one.value }]
  })
  const gone = before.flatMap((one): Found[] =>
    now.has(id(one)) ? [] : [{ kind: one.kind, name: one.name, before: one.value }],
  )
  return [...changed, ...gone]
}

function compareFiles(before: Files | undefined, after: Files | undefined): Found[] {
  if (before === undefined || after === undefined) return []
  const found: Found[] = []
  for (const [name, value] of after) {
    const was = before.get(name)
    if (was === value) continue
    if (was === undefined) found.push({ kind: 'added', name, after: value })
    else
      found.push({
        kind: contentOf(was) === contentOf(value) ? 'mode' : 'file',
        name,
        before: was,
        after: value,
      })
  }
  for (const [name, value] of before)
    if (!after.has(name)) found.push({ kind: 'removed', name, before: value })
  return found
}

/** A kept line is type, mode and content. */
const contentOf = (value: string): string => value.split(' ').slice(2).join(' ')

const fileKinds: Readonly<Record<string, string>> = {
  file: 'changed',
  mode: 'mode changed',
  added: 'added',
  removed: 'removed',
}

function summarise(first: Found, all: readonly Found[], { files }: MissFacts): string {
  const verb = fileKinds[first.kind]
  if (verb !== undefined && first.name !== 'files') {
    const count = all.filter(({ kind }) => kind in fileKinds).length
    const total = Math.max(files?.size ?? 0, count)
    return `${first.name} ${verb}, ${count} of ${total} ${total === 1 ? 'file' : 'files'}`
  }
  const { kind, name, before, after } = first
  switch (kind) {
    case 'file':
      return 'files changed'
    case 'argument':
    case 'environment': {
      const what = kind === 'argument' ? `ARG ${name}` : `ENV ${name}`
      if (before === undefined) return `${what} is new`
      return after === undefined ? `${what} is gone` : `${what} changed`
    }
    case 'base':
      return `base ${name} changed: ${shortId(before ?? 'none')} to ${shortId(after ?? 'none')}`
    case 'platform':
      return `platform changed: ${before ?? 'none'} to ${after ?? 'none'}`
    case 'text':
      return name === 'command' || name === 'sources' ? 'instruction changed' : `${name} changed`
    default:
      return `${name} changed`
  }
}
