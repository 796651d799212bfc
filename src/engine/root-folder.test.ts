import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootFolder } from './root-folder.ts'

test('a given folder wins over MILLE_ROOT, and that over the default', () => {
  assert.equal(rootFolder('/a/b', { MILLE_ROOT: '/c' }), '/a/b')
  assert.equal(rootFolder(undefined, { MILLE_ROOT: '/c' }), '/c')
  assert.match(rootFolder(undefined, { XDG_DATA_HOME: '/data' }), /^(\/var\/lib\/mille|\/data\/mille)$/)
})

test('a relative folder becomes absolute', () => {
  assert.equal(rootFolder('store', {}), `${process.cwd()}/store`)
})
