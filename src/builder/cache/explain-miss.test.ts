import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../oci/digest.ts'
import type { CacheRecord, Ingredient } from '../../store/store.ts'
import { explainMiss } from './explain-miss.ts'
import { FileList } from './file-list.ts'
import { keptIngredients, stepKey } from './step-key.ts'

const ingredient = (kind: string, name: string, value: string): Ingredient => ({ kind, name, value })

function record(ingredients: readonly Ingredient[]): CacheRecord {
  const times = { createdAt: 0, lastUsedAt: 0, uses: 0, size: 0 }
  return { key: sha256(''), lineage: '', ingredients, description: '', data: null, ...times }
}

function summaryOf(
  before: readonly Ingredient[],
  after: readonly Ingredient[],
  changedInputs: string[] = [],
): string {
  const { reason, summary } = explainMiss({ ingredients: after, previous: record(before), changedInputs })
  return `${reason}: ${summary}`
}

test('the first reason is the one a user would name', () => {
  const parent = ingredient('input', 'parent', 'a')
  const run = ingredient('text', 'command', 'make')
  const cases: readonly [readonly Ingredient[], readonly Ingredient[], string][] = [
    [[parent, run], [parent, ingredient('text', 'command', 'make all')], 'text: instruction changed'],
    [[run], [run, ingredient('argument', 'V', '1')], 'argument: ARG V is new'],
    [[run, ingredient('environment', 'E', '1')], [run], 'environment: ENV E is gone'],
    [
      [ingredient('base', 'image', 'sha256:aaaaaaaaaaaaaaaa')],
      [ingredient('base', 'image', 'sha256:bbbbbbbbbbbbbbbb')],
      'base: base image changed: aaaaaaaaaaaa to bbbbbbbbbbbb',
    ],
  ]
  for (const [before, after, expected] of cases) assert.equal(summaryOf(before, after), expected)
  assert.equal(
    summaryOf([parent, run], [ingredient('input', 'parent', 'b'), run], ['COPY . .']),
    'input: because of COPY . .',
  )
})

test('of files, the changed one and the count', () => {
  const files = (value: string): Ingredient[] => [ingredient('file', 'files', value)]
  const miss = explainMiss({
    ingredients: files('2'),
    previous: record(files('1')),
    previousFiles: FileList.from([
      ['gone', 'f 420 x'],
      ['mode', 'f 420 x'],
      ['same', 'f 420 x'],
      ['text', 'f 420 x'],
    ]),
    files: FileList.from([
      ['mode', 'f 493 x'],
      ['new', 'f 420 x'],
      ['same', 'f 420 x'],
      ['text', 'f 420 y'],
    ]),
    changedInputs: [],
  })
  assert.equal(miss.reason, 'file')
  assert.equal(miss.summary, 'text changed, 4 of 4 files')
  assert.deepEqual(
    miss.differences.map(({ name }) => name),
    ['text', 'mode', 'new', 'gone'],
  )
})

test('every field of an ingredient and the operation count in a key', () => {
  const base = [ingredient('text', 'a', 'b')]
  const keys = [
    stepKey('run', base),
    stepKey('copy', base),
    stepKey('run', [ingredient('text', 'ab', '')]),
    stepKey('run', [ingredient('argument', 'a', 'b')]),
    stepKey('run', [...base, ...base]),
  ]
  assert.equal(new Set(keys).size, keys.length)
})

test('values that look like secrets are kept as digests only', () => {
  const kept = keptIngredients([
    ingredient('argument', 'API_TOKEN', 'hunter2'),
    ingredient('argument', 'V', '1'),
  ])
  assert.doesNotMatch(JSON.stringify(kept), /hunter2/)
  assert.equal(kept[1]?.value, '1')
})
