import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canExecute } from './can-execute.ts'

test('this machine starts its own programs; what is unknown is tried', () => {
  assert.equal(canExecute(process.arch === 'arm64' ? 'arm64' : 'amd64'), true)
  assert.equal(canExecute('wasm'), true)
})
