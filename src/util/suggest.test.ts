import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, suggest } from './suggest.ts'

test('suggests the nearest word, never the word itself', () => {
  assert.equal(suggest('buidl', ['test', 'build']), 'build')
  assert.equal(suggest('COPPY', ['ADD', 'COPY']), 'COPY')
  assert.equal(suggest('copy', ['COPY']), 'COPY')
  assert.equal(suggest('build', ['build', 'built']), undefined)
  assert.equal(suggest('abcdef', ['uvwxyz']), undefined)
  assert.equal(suggest('a', ['b']), undefined)
  assert.equal(suggest('interactve', ['no-cache', 'interactive']), 'interactive')
  assert.equal(suggest('contaner', ['container', 'image']), 'container')
  assert.equal(suggest('nope', ['top', 'cp']), undefined)
  assert.equal(suggest('psx', ['ps']), 'ps')
})

test('counts insertions, deletions, changes and swapped neighbours', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3)
  assert.equal(editDistance('buidl', 'build'), 1)
  assert.equal(editDistance('', 'abc'), 3)
})
