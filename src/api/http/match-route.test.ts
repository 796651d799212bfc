import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import type { Route } from '../route.ts'
import { splitVersion } from './api-version.ts'
import { decodePath, matchRoute } from './match-route.ts'

const handle = (): never => {
  throw new Error('not called')
}
const routes: readonly Route[] = [
  { method: 'GET', path: '/containers/json', handle },
  { method: 'DELETE', path: '/containers/{id}', handle },
  { method: 'GET', path: '/images/{name...}/json', handle },
  { method: 'GET', path: '/images/new', since: '1.50', handle },
]
const find = (method: string, path: string, version = 51): string => {
  const { route, name } = matchRoute(routes, method, path, version)
  return `${route.path} ${name}`
}
const code = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (isMilleError(error)) return error.code
    throw error
  }
  return ''
}

test('a placeholder takes one part of the path, a greedy one takes slashes too', () => {
  assert.equal(find('GET', '/containers/json'), '/containers/json ')
  assert.equal(find('DELETE', '/containers/json'), '/containers/{id} json')
  assert.equal(find('GET', '/images/a/b:1/json'), '/images/{name...}/json a/b:1')
  assert.equal(
    code(() => find('GET', '/containers/a/b')),
    'API_PAGE_NOT_FOUND',
  )
  assert.equal(
    code(() => find('POST', '/containers/json')),
    'API_PAGE_NOT_FOUND',
  )
})

test('what a version does not have yet is not there', () => {
  assert.equal(find('GET', '/images/new'), '/images/new ')
  assert.equal(
    code(() => find('GET', '/images/new', 49)),
    'API_PAGE_NOT_FOUND',
  )
})

test('versions are split off, too old and too new ones refused', () => {
  assert.deepEqual(splitVersion('/info'), { version: 51, path: '/info' })
  assert.deepEqual(splitVersion('/v1.24/info'), { version: 24, path: '/info' })
  assert.equal(
    code(() => splitVersion('/v1.23/info')),
    'API_VERSION_UNSUPPORTED',
  )
  assert.equal(
    code(() => splitVersion('/v1.52/info')),
    'API_VERSION_UNSUPPORTED',
  )
  assert.equal(
    code(() => splitVersion('/v2.0/info')),
    'API_VERSION_UNSUPPORTED',
  )
})

test('a path that others may read otherwise is no path (C-A1)', () => {
  assert.equal(decodePath('/images/a%2Fb/json'), '/images/a/b/json')
  for (const path of [
    '//containers/json',
    '/v1.43/../info',
    '/v1.43/%2e%2e/info',
    '/info/',
    '/.',
    '/%zz',
    'info',
  ])
    assert.equal(
      code(() => decodePath(path)),
      'API_PAGE_NOT_FOUND',
      path,
    )
})
