import { failure } from '../util/errors.ts'
import type { ImageRecord, ImageStore } from '../store/store.ts'
import { familiarName, repositoryOf } from './names.ts'
import { getImage } from '../store/find-image.ts'
import type { ImageFilters } from './images.ts'

/** Docker's filters as one test of an image: all must hold, of several `reference` patterns one. */
export function imageFilter(images: ImageStore, filters: ImageFilters): (record: ImageRecord) => boolean {
  const tests: ((record: ImageRecord) => boolean)[] = []
  const { dangling, label, notLabel, before, since, reference, until } = filters
  if (dangling !== undefined) tests.push((record) => isDangling(record) === dangling)
  for (const wanted of label ?? []) tests.push((record) => hasLabel(record, wanted))
  for (const unwanted of notLabel ?? []) tests.push((record) => !hasLabel(record, unwanted))
  if (before !== undefined) {
    const limit = getImage(images, before).record.sequence
    tests.push((record) => record.sequence < limit)
  }
  if (since !== undefined) {
    const limit = getImage(images, since).record.sequence
    tests.push((record) => record.sequence > limit)
  }
  if (until !== undefined) tests.push((record) => record.addedAt <= until)
  if (reference !== undefined && reference.length > 0) {
    const matches = nameFilter(filters)
    tests.push((record) => [...record.names, ...record.repoDigests].some(matches))
  }
  return (record) => tests.every((test) => test(record))
}

/** Which canonical names and digests of an image `reference` filters let through: a list shows no others (C01). */
export function nameFilter({ reference = [] }: ImageFilters): (name: string) => boolean {
  if (reference.length === 0) return () => true
  const patterns = reference.map(referencePattern)
  return (name) => patterns.some((matches) => matches(familiarName(name)))
}

export function isDangling(record: ImageRecord): boolean {
  return record.names.length === 0
}

function hasLabel(record: ImageRecord, wanted: string): boolean {
  const labels = record.config.config?.Labels ?? {}
  const equals = wanted.indexOf('=')
  const key = equals < 0 ? wanted : wanted.slice(0, equals)
  if (!Object.hasOwn(labels, key)) return false
  return equals < 0 || labels[key] === wanted.slice(equals + 1)
}

/** Docker's `reference` filter: a path pattern (`*`, `?`, `[a-z]`; `*` stops at `/`) over the familiar name, with or without its tag. */
function referencePattern(pattern: string): (familiar: string) => boolean {
  if (pattern.length > 255)
    throw failure('INVALID_ARGUMENT', { reason: `invalid filter 'reference=${pattern.slice(0, 40)}…'` })
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? ''
    const close = c === '[' ? pattern.indexOf(']', i + 1) : -1
    if (c === '*') source += '[^/]*'
    else if (c === '?') source += '[^/]'
    else if (close > i + 1) {
      source += `[${pattern.slice(i + 1, close).replace(/[\\[]/g, '\\$&')}]`
      i = close
    } else source += c.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  }
  let expression: RegExp
  try {
    expression = new RegExp(`^${source}$`)
  } catch (cause) {
    throw failure('INVALID_ARGUMENT', { reason: `invalid filter 'reference=${pattern}'` }, { cause })
  }
  return (familiar) => expression.test(familiar) || expression.test(repositoryOf(familiar))
}
