import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, type Finding } from './check.ts'

const text = `FROM busybox as base
RUNN echo
COPY --chwon=1 a /
`

/** The text with every suggestion put in its place, last one first. */
function fix(source: string, findings: readonly Finding[]): string {
  const lines = source.split('\n')
  for (const { range, suggestion } of findings.toReversed()) {
    if (suggestion === undefined) continue
    assert.equal(range.start.line, range.end.line)
    const line = lines[range.start.line - 1] ?? ''
    lines[range.start.line - 1] =
      line.slice(0, range.start.column - 1) + suggestion + line.slice(range.end.column - 1)
  }
  return lines.join('\n')
}

test('errors and warnings come with the range of the words to blame', () => {
  const shown = (source: string): string[] =>
    check(source).map(({ severity, rule, range: { start, end } }) => {
      return `${severity} ${rule} ${start.line}:${start.column}-${end.line}:${end.column}`
    })
  assert.deepEqual(shown(text), ['error unknown-instruction 2:1-2:5', 'error unknown-flag 3:6-3:13'])
  assert.deepEqual(shown('FROM busybox as base\nMAINTAINER x\n'), [
    'warning FromAsCasing 1:1-1:21',
    'warning MaintainerDeprecated 2:1-2:13',
  ])
  assert.deepEqual(shown('FROM busybox\nRUN <<EOF\nnever ends\n'), ['error heredoc 2:5-2:10'])
  assert.deepEqual(shown(''), ['error structure 1:1-1:2'])
})

test('a suggestion is what to write in place of the range', () => {
  const cased = 'FROM busybox AS Build\nrun echo\nEXPOSE 80/TCP\nCOPY ../x /\n'
  assert.equal(fix(cased, check(cased)), 'FROM busybox AS build\nRUN echo\nEXPOSE 80/tcp\nCOPY x /\n')
  const fixed = fix(text, check(text))
  assert.equal(fixed, 'FROM busybox as base\nRUN echo\nCOPY --chown=1 a /\n')
  assert.deepEqual(
    check(fixed).map(({ rule }) => rule),
    ['FromAsCasing'],
  )
})

test('any bytes are a file with findings, not an exception', () => {
  for (const source of [
    Buffer.from([0xff, 0xfe, 0x41]),
    Buffer.alloc(100),
    '\u0000',
    '\\',
    '# escape=x\nFROM a',
  ])
    for (const { range } of check(source)) assert.ok(range.start.line >= 1 && range.start.column >= 1)
})

test('rules that the file leaves out are left out', () => {
  assert.deepEqual(check('# check=skip=FromAsCasing\nFROM busybox as base\n'), [])
  assert.deepEqual(check('FROM busybox as base\n', { check: 'skip=all' }), [])
})
