import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { expandHeredoc, expandWord, expandWords, findVariables } from './expand.ts'

const values: Readonly<Record<string, string>> = { A: '1', EMPTY: '', P: 'foo/bar/baz.txt', S: 'a b' }
const lookup = (name: string): string | undefined => values[name]

const forms: readonly (readonly [string, string])[] = [
  ['$A ${A} $NOPE', '1 1 '],
  ['${NOPE:-x$A} ${EMPTY:-x} ${EMPTY-x}', 'x1 x '],
  ['${A:+y} ${EMPTY:+y} ${EMPTY+y} ${NOPE+y}', 'y  y '],
  ['${NOPE:-${ALSO:-deep}}', 'deep'],
  [`'$A' "$A" \\$A "\\$A"`, '$A 1 $A $A'],
  ['${P#*/} ${P##*/} ${P%/*} ${P%%/*}', 'bar/baz.txt baz.txt foo/bar foo'],
  [
    '${P/ba?/X} ${P//ba?/X} ${P//\\//-} ${P/zz/X}',
    'foo/X/baz.txt foo/X/X.txt foo-bar-baz.txt foo/bar/baz.txt',
  ],
  ['${A:?needed}${A?needed}', '11'],
  ['${P//o/\\$} ${P/?/\\/}', 'f\\$\\$/bar/baz.txt \\/oo/bar/baz.txt'],
  ['a\\ b "c\\"d" \\\\', 'a b c"d \\'],
  ['$ $. 100$', '$ $. 100$'],
]
for (const [text, expected] of forms) {
  test(`expands ${text}`, () => assert.equal(expandWord(text, lookup, '\\'), expected))
}

const mistakes: readonly (readonly [string, string, number])[] = [
  ['x${A', 'missing } of ${A', 1],
  ['${NOPE:?set it}', 'NOPE: set it', 0],
  ['${NOPE?}', 'NOPE: is not set', 0],
  ['${A!}', 'unsupported modifier "!" in ${A}', 0],
  ['${A//x}', 'missing / of ${A/pattern/replacement}', 0],
  ['a "bc', 'missing closing quote (")', 2],
  ["'bc", "missing closing quote (')", 0],
]
for (const [text, message, offset] of mistakes) {
  test(`refuses ${text}`, () => {
    assert.throws(
      () => expandWord(text, lookup, '\\'),
      (error) => {
        assert.ok(isMilleError(error, 'DOCKERFILE_VARIABLE'))
        assert.equal(error.message, message)
        assert.equal(error.details['offset'], offset)
        return true
      },
    )
  })
}

test('splits words at unquoted space, also at space from a variable', () => {
  assert.deepEqual(expandWords('x$S "$S" y', lookup, '\\'), ['xa', 'b', 'a b', 'y'])
  assert.deepEqual(expandWords('$EMPTY ""', lookup, '\\'), [''])
})

test('the escape character can be a backtick', () => {
  assert.equal(expandWord('`$A C:\\dir', lookup, '`'), '$A C:\\dir')
})

test('a heredoc keeps quotes and backslashes that escape nothing', () => {
  assert.equal(expandHeredoc(`"$A" '$A' \\n \\$A \\\\\n`, lookup), `"1" '1' \\n $A \\\n`)
})

test('finds the variables of a word, nested ones too', () => {
  assert.deepEqual(findVariables('${N:-$A} "$B"', '\\'), [
    { name: 'N', offset: 0, length: 3 },
    { name: 'A', offset: 5, length: 2 },
    { name: 'B', offset: 10, length: 2 },
  ])
})

test('a value that doubles with every step is refused before it fills memory', () => {
  let value = 'x'.repeat(16)
  assert.throws(
    () => {
      for (let step = 0; step < 40; step++) value = expandWord('$A$A$A$A', () => value, '\\')
    },
    (error) => isMilleError(error, 'DOCKERFILE_LIMIT'),
  )
})

test('pattern bombs and deep nesting are refused', () => {
  const long = 'a'.repeat(60_000)
  const isLimit = (error: unknown): boolean => isMilleError(error, 'DOCKERFILE_LIMIT')
  assert.throws(() => expandWord(`\${L//${'?'.repeat(30_000)}b/x}`, () => long, '\\'), isLimit)
  assert.throws(() => expandWord(`\${L//a/${long}}`, () => long, '\\'), isLimit)
  assert.throws(() => expandWord('${A:-'.repeat(40) + '}'.repeat(40), () => undefined, '\\'), isLimit)
  assert.equal(
    expandWord(`\${L//${'*a'.repeat(500)}b/x}`, () => long, '\\'),
    long,
  )
})
