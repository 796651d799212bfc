import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RetentionRule } from './collection.ts'
import { expiredTags, type ManifestNode, ruleFor, unneededManifests } from './retention.ts'

const now = 1_000_000
const tags = [
  { tag: 'v1', pushed: 100_000, pulled: 0 },
  { tag: 'v2', pushed: 200_000, pulled: 990_000 },
  { tag: 'v3', pushed: 300_000, pulled: 0 },
  { tag: 'v4', pushed: 900_000, pulled: 0 },
  { tag: 'latest', pushed: 50_000, pulled: 0 },
]
const expired = (rule: Omit<RetentionRule, 'repositories'>): string[] =>
  expiredTags({ repositories: ['**'], ...rule }, tags, now).map(({ tag }) => tag)

test('tags go when nothing keeps them', () => {
  assert.deepEqual(expired({}), [])
  assert.deepEqual(expired({ untagged: 1 }), [])
  assert.deepEqual(expired({ keepLast: 2 }), ['v2', 'v1', 'latest'])
  assert.deepEqual(expired({ keepLast: 2, keepTags: ['latest'] }), ['v2', 'v1'])
  assert.deepEqual(expired({ keepLast: 1, tags: ['v*'] }), ['v3', 'v2', 'v1'])
  assert.deepEqual(expired({ keepPushedWithin: 750_000 }), ['v2', 'v1', 'latest'])
  // what was just pushed was not pulled yet
  assert.deepEqual(expired({ keepPulledWithin: 200_000 }), ['v3', 'v1', 'latest'])
  assert.deepEqual(expired({ keepLast: 2, keepPulledWithin: 20_000, keepTags: ['l*'] }), ['v1'])
})

test('the first rule that fits a repository counts', () => {
  const rules = [
    { repositories: ['team/keep', 'x'], keepLast: 1 },
    { repositories: ['team/**'], keepLast: 2 },
  ]
  assert.equal(ruleFor(rules, 'team/keep')?.keepLast, 1)
  assert.equal(ruleFor(rules, 'team/app')?.keepLast, 2)
  assert.equal(ruleFor(rules, 'other'), undefined)
})

test('manifests go that no tag, index or subject needs', () => {
  const node = (digest: string, more: Partial<ManifestNode> = {}): ManifestNode => ({
    digest,
    used: 0,
    isTagged: false,
    parts: [],
    ...more,
  })
  const nodes = [
    node('index', { isTagged: true, parts: ['child', 'blob'] }),
    node('child'),
    node('signature of child', { subject: 'child' }),
    node('signature of signature', { subject: 'signature of child' }),
    node('young', { used: 60, parts: ['child of young'] }),
    node('child of young'),
    node('old', { parts: ['child of old'] }),
    node('child of old'),
    node('signature of old', { subject: 'old' }),
    node('signature of nothing', { subject: 'not here' }),
    // two that need each other are still nobody's
    node('ring a', { parts: ['ring b'] }),
    node('ring b', { parts: ['ring a'] }),
  ]
  assert.deepEqual(unneededManifests(nodes, 50), [
    'old',
    'child of old',
    'signature of old',
    'signature of nothing',
    'ring a',
    'ring b',
  ])
})
