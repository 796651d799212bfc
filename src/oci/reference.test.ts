import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { sha256 } from './digest.ts'
import { familiarReference, formatReference, parseReference, withDefaultTag } from './reference.ts'

const digest = sha256('x')

suite('parseReference', () => {
  const good: readonly (readonly [string, string, string])[] = [
    ['alpine', 'docker.io/library/alpine', 'alpine'],
    ['alpine:3.19', 'docker.io/library/alpine:3.19', 'alpine:3.19'],
    ['docker.io/alpine', 'docker.io/library/alpine', 'alpine'],
    ['index.docker.io/user/app', 'docker.io/user/app', 'user/app'],
    ['user/app:1', 'docker.io/user/app:1', 'user/app:1'],
    ['arm64v8/ubuntu', 'docker.io/arm64v8/ubuntu', 'arm64v8/ubuntu'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/a/b:c', 'localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
    ['127.0.0.1:5000/a', '127.0.0.1:5000/a', '127.0.0.1:5000/a'],
    ['[::1]:5000/a:t', '[::1]:5000/a:t', '[::1]:5000/a:t'],
    ['Host/app', 'Host/app', 'Host/app'],
    ['gcr.io/a__b/c--d/e.f:T_1.-', 'gcr.io/a__b/c--d/e.f:T_1.-', 'gcr.io/a__b/c--d/e.f:T_1.-'],
    ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`, `alpine@${digest}`],
    [`r.io:1/a:t@${digest}`, `r.io:1/a:t@${digest}`, `r.io:1/a:t@${digest}`],
  ]
  for (const [text, canonical, familiar] of good) {
    test(text, () => {
      const reference = parseReference(text)
      assert.equal(formatReference(reference), canonical)
      assert.equal(familiarReference(reference), familiar)
      assert.deepEqual(parseReference(canonical), reference)
      assert.deepEqual(parseReference(familiar), reference)
    })
  }

  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /invalid reference format: the name is empty/],
    ['Foo', /repository name \(library\/Foo\) must be lowercase/],
    ['Alpine:3', /must be lowercase/],
    ['a/B', /must be lowercase/],
    ['a:', /tag of "a:" is empty/],
    [':tag', /repository name of ":tag" is empty/],
    ['a@sha256:12', /64 lower-case hex/],
    [`a@sha256:${'A'.repeat(64)}`, /64 lower-case hex/],
    [`a@md5:${'a'.repeat(32)}`, /sha256/],
    [`a@${digest}@${digest}`, /64 lower-case hex/],
    ['-x', /starts with a dash/],
    ['--platform', /starts with a dash/],
    ['a b', /character/],
    ['a\n', /character/],
    ['a\x1b[31m', /character/],
    ['ünix', /character/],
    ['../x', /no registry host/],
    ['a/../x', /repository name/],
    ['a//x', /repository name/],
    ['a/', /repository name/],
    ['/a', /repository name/],
    ['a._b', /repository name/],
    ['a___b', /repository name/],
    ['host.io/', /empty/],
    ['host:x/a', /no registry host/],
    ['host:99999/a', /no registry host/],
    ['user:pw@host.io/a', /digest/],
    ['https://host.io/a', /no registry host/],
    [`a:${'t'.repeat(129)}`, /tag/],
    ['a:-t', /tag/],
    [`a.io/${'r'.repeat(256)}`, /255/],
    ['f'.repeat(64), /image ID/],
  ]
  for (const [text, message] of bad) {
    test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(
        () => parseReference(text),
        (error: unknown) => {
          assert.ok(isMilleError(error, 'REFERENCE_INVALID'))
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /[\x00-\x09\x0b-\x1f]/)
          return true
        },
      )
    })
  }

  test('the longest repository name is accepted', () => {
    assert.equal(parseReference(`a.io/${'r'.repeat(255)}`).repository.length, 255)
  })
})

test('withDefaultTag adds latest only to a bare name', () => {
  assert.equal(withDefaultTag(parseReference('a')).tag, 'latest')
  assert.equal(withDefaultTag(parseReference('a:1')).tag, '1')
  assert.equal(withDefaultTag(parseReference(`a@${digest}`)).tag, undefined)
})
