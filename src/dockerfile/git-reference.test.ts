import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitReference } from './git-reference.ts'

test('git URLs: fragment, query, ssh forms', () => {
  const https = { remote: 'https://h/a/r.git', protocol: 'https', host: 'h' } as const
  const cases: [string, object][] = [
    ['https://h/a/r.git', https],
    ['https://h/a/r.git#v1.2', { ...https, ref: 'v1.2' }],
    ['https://h/a/r.git#:sub/../dir/', { ...https, subdir: 'dir' }],
    ['https://h/a/r.git#feature/x:../../up', { ...https, ref: 'feature/x', subdir: 'up' }],
    [
      'https://h/a/r.git?tag=v1&subdir=/s&keep-git-dir',
      { ...https, ref: 'refs/tags/v1', subdir: 's', keepGitDir: true },
    ],
    ['https://h/a/r.git?branch=b&submodules=false', { ...https, ref: 'refs/heads/b', submodules: false }],
    ['https://h/a/r.git?ref=x&commit=abc1&mtime=commit', { ...https, ref: 'x', commit: 'abc1' }],
    ['https://h/a/r.git?checksum=ab#x', { ...https, ref: 'x', commit: 'ab' }],
    ['git@h:a/r.git#x:y', { remote: 'git@h:a/r.git', protocol: 'ssh', host: 'h', ref: 'x', subdir: 'y' }],
    ['me@h.example:r', { remote: 'me@h.example:r', protocol: 'ssh', host: 'h.example' }],
    ['ssh://git@h:22/r', { remote: 'ssh://git@h:22/r', protocol: 'ssh', host: 'h' }],
    ['git://[::1]:9418/r', { remote: 'git://[::1]:9418/r', protocol: 'git', host: '::1' }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(parseGitReference(text), expected, text)
})

test('what is no git URL, and what is a wrong one', () => {
  const others = [
    'https://h/archive.tar.gz',
    'https://h/r.git/x',
    'file:///r.git',
    'ext::sh -c id',
    './a.git',
    'a.git',
    'C:r',
  ]
  for (const text of others) assert.equal(parseGitReference(text), undefined, text)
  const wrong: [string, RegExp][] = [
    ['https://h/r.git?refs=x', /unknown query "refs"/],
    ['https://h/r.git?ref=', /"ref" of a git URL has no value/],
    ['https://h/r.git?ref=a&ref=b', /given twice/],
    ['https://h/r.git?ref=a#b', /says two things: ref "b" and "a"/],
    ['https://h/r.git?tag=a&branch=b', /tag or a branch/],
    ['https://h/r.git?submodules=2', /true or false/],
    ['https://h/r.git?commit=xyz', /invalid checksum/],
    ['https://h/r.git?fetch-by-commit&commit=ab', /needs a whole commit/],
    ['ssh://-oProxyCommand=id/r', /begin with -/],
    ['git@h:-x', /begin with -/],
    ['https://h/a b.git', /spaces/],
  ]
  for (const [text, reason] of wrong) {
    const result = parseGitReference(text)
    assert.ok(result !== undefined && 'reason' in result, text)
    assert.match(result.reason, reason)
  }
})
