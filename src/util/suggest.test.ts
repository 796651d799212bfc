import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, suggest } from './suggest.ts'

test('suggests the nearest word under a distance of 3, never the word itself', () => {
  assert.equal(suggest('buidl', ['test', 'build']), 'build')
  assert.equal(suggest('COPPY', ['ADD', 'COPY']), 'COPY')
  assert.equal(suggest('copy', ['COPY']), 'COPY')
  assert.equal(suggest('build', ['build', 'built']), undefined)
  assert.equal(suggest('abcdef', ['uvwxyz']), undefined)
  assert.equal(suggest('a', ['b']), undefined)
})

test('counts insertions, deletions, changes and swapped neighbours', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3)
  assert.equal(editDistance('buidl', 'build'), 1)
  assert.equal(editDistance('', 'abc'), 3)
})
