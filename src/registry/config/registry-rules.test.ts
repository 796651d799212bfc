import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isBlocked,
  mirrorsOf,
  noRules,
  parseMirrorUrl,
  type RegistryRules,
  withDockerSettings,
} from './registry-rules.ts'

const mirror = (
  text: string,
): RegistryRules['mirrors'] extends ReadonlyMap<string, infer List> ? List : never => {
  const url = parseMirrorUrl(text)
  assert.ok(url)
  return [{ url, pull: 'all' }]
}
const rules: RegistryRules = {
  mirrors: new Map([
    ['*', mirror('any.test')],
    ['*.example.com', mirror('pattern.test')],
    ['quay.io', mirror('https://quay.test/cache/')],
    ['quay.io/team', mirror('http://team.test:5000')],
  ]),
  blocked: ['docker.io', 'quay.io/secret'],
  hosts: new Map(),
}
const places = (registry: string, repository: string): string[] =>
  mirrorsOf(rules, { registry, repository }).map((place) => `${place.mirror.url.origin} ${place.repository}`)

test('the longest prefix counts, and the path of the mirror takes its place', () => {
  assert.deepEqual(places('quay.io', 'app'), ['https://quay.test cache/app'])
  assert.deepEqual(places('quay.io', 'team/app'), ['http://team.test:5000 app'])
  assert.deepEqual(places('quay.io', 'teamwork/app'), ['https://quay.test cache/teamwork/app'])
  assert.deepEqual(places('a.example.com', 'x/y'), ['https://pattern.test x/y'])
  assert.deepEqual(places('docker.io', 'library/alpine'), ['https://any.test library/alpine'])
  assert.deepEqual(mirrorsOf(noRules, { registry: 'docker.io', repository: 'x' }), [])
})

test('what is blocked', () => {
  assert.equal(isBlocked(rules, { registry: 'docker.io', repository: 'library/alpine' }), true)
  assert.equal(isBlocked(rules, { registry: 'quay.io', repository: 'secret/app' }), true)
  assert.equal(isBlocked(rules, { registry: 'quay.io', repository: 'secrets' }), false)
})

test("Docker's mirrors are docker.io's, and come first", () => {
  const more = withDockerSettings(
    { ...rules, mirrors: new Map([['docker.io', mirror('later.test')]]) },
    { mirrors: ['http://first.test:5000', 'https://second.test/hub/'], insecure: ['Old.test:80'] },
  )
  const found = mirrorsOf(more, { registry: 'docker.io', repository: 'library/alpine' })
  assert.deepEqual(
    found.map(({ mirror, repository }) => `${mirror.url.host} ${repository}`),
    ['first.test:5000 library/alpine', 'second.test hub/library/alpine', 'later.test library/alpine'],
  )
  assert.equal(more.hosts.get('old.test:80')?.insecure, true)
  for (const wrong of ['', 'https://user:secret@host', 'ftp://host', 'https://host/?x=1', 'https://ho st']) {
    assert.throws(() => withDockerSettings(noRules, { mirrors: [wrong] }), { code: 'INVALID_ARGUMENT' })
  }
})
