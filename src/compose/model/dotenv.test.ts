import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { parseDotenv, parseRawEnv } from './dotenv.ts'

const read = (text: string): Record<string, string | null> =>
  Object.fromEntries(
    parseDotenv(text, { file: '.env', lookup: (name) => (name === 'HOME' ? '/h' : undefined) }),
  )

test('lines of an env file: quotes, comments, variables, several lines, names without value', () => {
  const text = `\uFEFF# comment
A=1
export B = two  # comment
C="x\\ty \\"$A\\" \\$A \${HOME}"
D='$A # no comment'
E=
F: colon
G
H=a#b
I="one
two"
J=\${NOPE:-default}$A\r
`
  assert.deepEqual(read(text), {
    A: '1',
    B: 'two',
    C: 'x\ty "1" $A /h',
    D: '$A # no comment',
    E: '',
    F: 'colon',
    G: null,
    H: 'a#b',
    I: 'one\ntwo',
    J: 'default1',
  })
})

test('mistakes in an env file have their line', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['A=1\nB C\n', /^failed to read \.env: line 2: variable 'B C' contains whitespace$/],
    ['A=1\n\nB="open', /^failed to read \.env: line 3: unterminated quoted value "open$/],
    ['A=${B', /^failed to read \.env: line 1: invalid template: "\${B"$/],
    ['A=${B:?needed}', /^failed to read \.env: line 1: required variable B is missing a value: needed$/],
  ]
  for (const [text, message] of cases)
    assert.throws(
      () => read(text),
      (error) => isMilleError(error, 'COMPOSE_ENV_FILE') && message.test(error.message),
    )
})

test('a raw env file is taken as it is', () => {
  assert.deepEqual(
    [...parseRawEnv('A="q" # x\n#no\nB=$A\nC\n')],
    [
      ['A', '"q" # x'],
      ['B', '$A'],
      ['C', null],
    ],
  )
})
