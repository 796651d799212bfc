import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccessPolicy } from './policy.ts'

const fits = (pattern: string, repository: string): boolean =>
  new AccessPolicy([{ repositories: [pattern], users: ['ann'], allow: ['read'] }]).may(
    'ann',
    'read',
    repository,
  )

test('patterns of repositories', () => {
  const cases: readonly (readonly [pattern: string, fit: string[], unfit: string[]])[] = [
    ['app', ['app'], ['apps', 'app/x', 'x/app']],
    ['a.b', ['a.b'], ['axb']],
    ['*', ['app'], ['team/app']],
    ['team/*', ['team/app'], ['team', 'team/a/b', 'teams/app']],
    ['team/web-*', ['team/web-1', 'team/web-'], ['team/web', 'team/web-1/x']],
    ['team/**', ['team', 'team/app', 'team/a/b'], ['teams', 'x/team']],
    ['**', ['app', 'a/b/c'], []],
    ['**/app', ['app', 'a/app', 'a/b/app'], ['apps', 'a/app/b']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['a', 'az']],
  ]
  for (const [pattern, fit, unfit] of cases) {
    for (const name of fit) assert.ok(fits(pattern, name), `${pattern} should fit ${name}`)
    for (const name of unfit) assert.ok(!fits(pattern, name), `${pattern} should not fit ${name}`)
  }
})

test('rights are the sum of the rules that fit; nobody has any otherwise', () => {
  const policy = new AccessPolicy([
    { repositories: ['**'], users: ['anonymous'], allow: ['read'] },
    { repositories: ['public/**'], users: ['*'], allow: ['create'] },
    { repositories: ['public/app', 'team/**'], users: ['ann', 'bob'], allow: ['create', 'update', 'delete'] },
  ])
  const rights = (user: string, name: string): string =>
    (['read', 'create', 'update', 'delete'] as const)
      .filter((right) => policy.may(user, right, name))
      .join(' ')
  assert.equal(rights('', 'public/app'), 'read')
  assert.equal(rights('eve', 'public/app'), 'read create')
  assert.equal(rights('eve', 'team/app'), 'read')
  assert.equal(rights('ann', 'public/app'), 'read create update delete')
  assert.equal(rights('bob', 'team'), 'read create update delete')
  assert.equal(new AccessPolicy([]).may('ann', 'read', 'app'), false)
  // a user who is called like the word for nobody
  assert.equal(
    new AccessPolicy([{ repositories: ['**'], users: ['*'], allow: ['read'] }]).may('', 'read', 'a'),
    false,
  )
})
