import { shortId } from '../../oci/digest.ts'
import type { CacheRecord, Ingredient } from '../../store/store.ts'
import type { CacheMiss, MissDifference, MissReason } from '../build.ts'
import { compareFiles } from './compare-files.ts'
import type { FileList } from './file-list.ts'

export interface MissFacts {
  readonly ingredients: readonly Ingredient[]
  /** The newest record of the same step; undefined when it was never built. */
  readonly previous?: CacheRecord
  readonly files?: FileList
  readonly previousFiles?: FileList
  /** Names of steps this one goes on from that were not cached in this build. */
  readonly changedInputs: readonly string[]
}

/** Which reason is told first, when several things differ: what the user did last is rarely the base. */
const order: readonly MissReason[] = [
  'text',
  'file',
  'mode',
  'added',
  'removed',
  'mount',
  'argument',
  'environment',
  'platform',
  'base',
  'input',
]

/** Differences that are listed; the others are counted. */
const longestList = 1000

/** Why a step had to run: compares its ingredients with those of the last time. */
export function explainMiss(facts: MissFacts): CacheMiss {
  const { ingredients, previous, changedInputs } = facts
  if (previous === undefined) return { reason: 'never-built', summary: 'not built before', differences: [] }
  const { files, previousFiles } = facts
  const compared = files !== undefined && previousFiles !== undefined
  const made = compare(previous.ingredients, ingredients)
  // a digest over all files says less than the files themselves
  const sums = made.filter(({ kind, name }) => kind === 'mount' || (kind === 'file' && name === 'files'))
  const found = compared
    ? [...made.filter((one) => !sums.includes(one)), ...compareFiles(previousFiles, files)]
    : made
  const sorted = found.toSorted((a, b) => rank(a.kind) - rank(b.kind))
  const more = sorted.length - longestList
  const listed = { differences: sorted.slice(0, longestList), ...(more > 0 && { more }) }
  const [first] = sorted
  if (first === undefined || (first.kind === 'input' && changedInputs.length > 0)) {
    const name = changedInputs[0] ?? 'an earlier step'
    return { reason: 'input', summary: `because of ${name}`, ...listed }
  }
  const isMount = sums.some(({ kind }) => kind === 'mount') && first.kind in fileVerbs
  const reason = isMount ? 'mount' : first.kind
  const summary = `${isMount ? 'mount source ' : ''}${summarise(first, sorted, files)}`
  return { reason, summary, ...listed }
}

const rank = (kind: MissReason): number => {
  const at = order.indexOf(kind)
  return at < 0 ? order.length : at
}

function compare(before: readonly Ingredient[], after: readonly Ingredient[]): MissDifference[] {
  // what a step goes on from is one thing, whether it is a base or an earlier step
  const id = ({ kind, name }: Ingredient): string =>
    kind === 'base' || (kind === 'input' && name === 'parent') ? 'parent' : `${kind} ${name}`
  const old = new Map(before.map((one) => [id(one), one]))
  const now = new Map(after.map((one) => [id(one), one]))
  const changed = after.flatMap((one): MissDifference[] => {
    const was = old.get(id(one))
    if (was?.value === one.value) return []
    if (was !== undefined && was.kind !== one.kind)
      return [{ kind: 'input', name: 'parent', before: shown(was), after: shown(one) }]
    return [{ ...named(one), ...(was && { before: shown(was) }), after: shown(one) }]
  })
  const gone = before.flatMap((one): MissDifference[] =>
    now.has(id(one)) ? [] : [{ ...named(one), before: shown(one) }],
  )
  return [...changed, ...gone]
}

function named({ kind, name }: Ingredient): Pick<MissDifference, 'kind' | 'name'> {
  return { kind: kind as MissReason, name }
}

function shown({ shown, value }: Ingredient): string {
  return shown ?? value
}

const fileVerbs: Partial<Readonly<Record<MissReason, string>>> = {
  file: 'changed',
  mode: 'mode changed',
  added: 'added',
  removed: 'removed',
}

function summarise(first: MissDifference, all: readonly MissDifference[], files?: FileList): string {
  const verb = fileVerbs[first.kind]
  if (verb !== undefined && first.name !== 'files') {
    const count = all.filter(({ kind }) => kind in fileVerbs).length
    const total = Math.max(files?.size ?? 0, count)
    return `${first.name} ${verb}, ${count} of ${total} ${total === 1 ? 'file' : 'files'}`
  }
  const { kind, name, before, after } = first
  switch (kind) {
    case 'file':
      return 'files changed'
    case 'mount':
      return `files of ${name} changed`
    case 'argument':
    case 'environment': {
      const what = kind === 'argument' ? `ARG ${name}` : `ENV ${name}`
      if (before === undefined) return `${what} is new`
      return after === undefined ? `${what} is gone` : `${what} changed`
    }
    case 'base':
      return `base image changed: ${baseText(before)} to ${baseText(after)}`
    case 'platform':
      return `platform changed: ${before ?? 'none'} to ${after ?? 'none'}`
    case 'text':
      return name === 'command' || name === 'sources' ? 'instruction changed' : `${name} changed`
    default:
      return `${name} changed`
  }
}

/** `busybox:latest@sha256:1a2b3c4d5e6f`, or just the start of a digest. */
function baseText(value: string = 'none'): string {
  return value.startsWith('sha256:')
    ? shortId(value)
    : value.replace(/^docker\.io\/(library\/)?/, '').replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+/, '$1')
}
