import assert from 'node:assert/strict'
import { test } from 'node:test'
import { integer, list, optionalFile, text, toggle } from './flag.ts'
import { parseFlags } from './parse-flags.ts'

const table = {
  all: toggle('All', { short: 'a' }),
  interactive: toggle('Stdin', { short: 'i' }),
  tty: toggle('Terminal', { short: 't' }),
  proxy: toggle('Proxy', { initial: true }),
  env: list('Environment', { short: 'e' }),
  name: text('Name'),
  target: text('Target'),
  trace: optionalFile('Trace', '.json'),
  time: integer('Seconds', { short: 's' }),
}

test('flags stand anywhere between arguments, and -- ends them', () => {
  const { flags, args } = parseFlags(table, ['x', '-a', 'y', '--name=n', '--', '-t', '--name'])
  assert.deepEqual(args, ['x', 'y', '-t', '--name'])
  assert.equal(flags.all, true)
  assert.equal(flags.name, 'n')
  assert.equal(flags.tty, false)
})

test('short flags join, take values joined, with =, or as the next word', () => {
  const { flags } = parseFlags(table, ['-it', '-eA=1', '-e', 'B=2', '-e=C=3', '-as5'])
  assert.equal(flags.interactive && flags.tty && flags.all, true)
  assert.deepEqual(flags.env, ['A=1', 'B=2', 'C=3'])
  assert.equal(flags.time, 5)
})

test('switches take =false', () => {
  assert.equal(parseFlags(table, ['--proxy=false']).flags.proxy, false)
  assert.equal(parseFlags(table, []).flags.proxy, true)
})

test('with stopAtArgument the rest belongs to the command', () => {
  const { flags, args } = parseFlags(table, ['-a', 'busybox', 'ls', '-t'], { stopAtArgument: true })
  assert.deepEqual(args, ['busybox', 'ls', '-t'])
  assert.equal(flags.tty, false)
})

test('mistakes are named', () => {
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [['--taget', 'x'], 'unknown flag: --taget, did you mean --target?'],
    [['--zzzzzz'], 'unknown flag: --zzzzzz'],
    [['-ix'], "unknown shorthand flag: 'x' in -ix"],
    [['--name'], 'flag needs an argument: --name'],
    [['-e'], "flag needs an argument: 'e' in -e"],
    [
      ['-s', 'abc'],
      'invalid argument "abc" for "-s, --time" flag: strconv.ParseInt: parsing "abc": invalid syntax',
    ],
    [
      ['--all=maybe'],
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
  ]
  for (const [argv, message] of wrong)
    assert.throws(() => parseFlags(table, argv), { kind: 'usage', message })
})

test('an optional file is taken when it looks like one', () => {
  const read = (...argv: string[]): unknown => {
    const { flags, args } = parseFlags(table, argv)
    return [flags.trace, args]
  }
  assert.deepEqual(read('--trace', '.'), ['', ['.']])
  assert.deepEqual(read('--trace', 't.json', '.'), ['t.json', ['.']])
  assert.deepEqual(read('--trace=t', '.'), ['t', ['.']])
  assert.deepEqual(read('.', '--trace'), ['', ['.']])
  assert.deepEqual(read('.'), [undefined, ['.']])
})
