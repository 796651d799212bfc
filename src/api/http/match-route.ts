import { failure } from '../../util/errors.ts'
import type { Route } from '../route.ts'

export interface MatchedRoute {
  readonly route: Route
  /** What stood at the placeholder. */
  readonly name: string
}

const patterns = new Map<string, RegExp>()

/** The first route that fits, in the order of the table. API_PAGE_NOT_FOUND, also for another method, as dockerd says it. */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  path: string,
  version: number,
): MatchedRoute {
  for (const route of routes) {
    if (route.method !== method) continue
    if (route.since !== undefined && Number(route.since.slice(2)) > version) continue
    const match = patternOf(route.path).exec(path)
    if (match !== null) return { route, name: match[1] ?? '' }
  }
  throw failure('API_PAGE_NOT_FOUND', {})
}

function patternOf(path: string): RegExp {
  let pattern = patterns.get(path)
  if (pattern === undefined) {
    const source = path
      .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
      .replace(/\{\w+\}/, '([^/]+)')
      .replace(/\{\w+(?:\\\.){3}\}/, '(.+)')
    pattern = new RegExp(`^${source}$`, 's')
    patterns.set(path, pattern)
  }
  return pattern
}

/**
 * The path as routes see it: decoded once, and only what comes out of that is looked at ever after (C-A1). Empty parts
 * and those of dots are no path of ours: whoever guards the socket may read them otherwise. API_PAGE_NOT_FOUND.
 */
export function decodePath(raw: string): string {
  let path: string
  try {
    path = decodeURIComponent(raw)
  } catch (cause) {
    throw failure('API_PAGE_NOT_FOUND', {}, { cause })
  }
  const [first, ...parts] = path.split('/')
  if (first !== '' || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw failure('API_PAGE_NOT_FOUND', {})
  }
  return path
}
