import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { parseIgnore } from './ignore.ts'

function ignored(text: string, path: string): boolean {
  return parseIgnore(text, '.dockerignore').match(path).ignored
}

const cases: readonly (readonly [string, string, boolean])[] = [
  ['node_modules', 'node_modules/a/b', true],
  ['node_modules', 'x/node_modules', false],
  ['node_modules', 'node_modules2', false],
  ['**/node_modules', 'x/y/node_modules/z', true],
  ['**/node_modules', 'node_modules', true],
  ['*.log', 'a.log', true],
  ['*.log', 'x/a.log', false],
  ['*/temp*', 'a/temporary', true],
  ['*/*/temp*', 'a/temporary', false],
  ['temp?', 'tempa', true],
  ['temp?', 'temp', false],
  ['/foo/bar', 'foo/bar', true],
  ['./foo//bar/../baz/', 'foo/baz/x', true],
  ['foo/**', 'foo/x/y', true],
  ['foo/**', 'foo', false],
  ['foo/**/bar', 'foo/bar', true],
  ['foo/**/bar', 'foo/a/b/bar', true],
  ['foo/**/bar', 'foo/a/b/xbar', false],
  ['**', 'anything/at/all', true],
  ['[a-c]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['*\n!README*\nREADME-secret', 'README.md', false],
  ['*\n!README*\nREADME-secret', 'README-secret', true],
  ['README-secret\n!README*', 'README-secret', false],
  ['dir\n!dir/keep', 'dir/keep', false],
  ['# dir\n\n  \n#x', 'dir', false],
  ['\uFEFFdir\r\nother', 'dir', true],
  ['../x', 'x', false],
  ['?', '\u{1F600}', true],
]
for (const [text, path, expected] of cases) {
  test(`${JSON.stringify(text)} ${expected ? 'hides' : 'leaves'} ${path}`, () => {
    assert.equal(ignored(text, path), expected)
  })
}

test('names the rule that decided', () => {
  const rules = parseIgnore('# c\n*.md\n!keep.md\n', '.dockerignore')
  assert.deepEqual(rules.match('a.md'), { ignored: true, rule: { pattern: '*.md', line: 2 } })
  assert.deepEqual(rules.match('keep.md'), { ignored: false, rule: { pattern: '!keep.md', line: 3 } })
  assert.deepEqual(rules.match('x'), { ignored: false })
})

test('knows which hidden folders may hold something that is taken back', () => {
  const rules = parseIgnore('*\n!src/**/keep.ts\n!docs/a\n', '.dockerignore')
  const folders = ['src', 'src/a/b', 'docs', 'docs/b', 'docs/a/x', 'node_modules']
  assert.deepEqual(
    folders.map((folder) => rules.mayContainIncluded(folder)),
    [true, true, true, false, true, false],
  )
})

for (const pattern of ['[a', 'a\\', '!', '[]', '[-x]']) {
  test(`refuses the pattern ${pattern} with file and line`, () => {
    assert.throws(
      () => parseIgnore(`ok\n${pattern}\n`, 'app.Dockerfile.dockerignore'),
      (error) => {
        assert.ok(isMilleError(error, 'IGNORE_PATTERN_INVALID'))
        assert.ok(error.message.startsWith(`app.Dockerfile.dockerignore:2: invalid pattern "${pattern}"`))
        return true
      },
    )
  })
}

test('a pattern made to backtrack ends', () => {
  assert.equal(ignored(`${'*a'.repeat(300)}b`, 'a'.repeat(4000)), false)
  assert.equal(ignored(`${'**a/'.repeat(200)}b`, 'a/'.repeat(2000)), false)
})
