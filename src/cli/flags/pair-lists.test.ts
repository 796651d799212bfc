import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFlags } from './parse-flags.ts'
import { labels, variables } from './pair-lists.ts'

const table = { label: labels('', { short: 'l' }), env: variables('') }

test('labels and variables have a name', () => {
  const { flags } = parseFlags(table, ['-l', 'a=b=c', '--label', 'x', '-e', 'A=', '-eB', '-l', ' a=b'])
  assert.deepEqual(flags, { label: ['a=b=c', 'x', ' a=b'], env: ['A=', 'B'] })
  for (const [words, message] of [
    [['-l', '=c'], `invalid argument "=c" for "-l, --label" flag: invalid label '=c': empty name`],
    [['-l', ''], `invalid argument "" for "-l, --label" flag: invalid label '': empty name`],
    [['-l', ' =c'], `invalid argument " =c" for "-l, --label" flag: invalid label ' =c': empty name`],
    [['--label=a b=c'], `invalid argument "a b=c" for "-l, --label" flag: label 'a b' contains whitespaces`],
    [['-e', '=c'], 'invalid argument "=c" for "-e, --env" flag: invalid environment variable: =c'],
    [['-e', ''], 'invalid argument "" for "-e, --env" flag: invalid environment variable: '],
  ] as const) {
    assert.throws(() => parseFlags(table, words), { message })
  }
})
