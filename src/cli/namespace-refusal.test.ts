import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namespaceAdvice, namespaceFacts } from './namespace-refusal.ts'

test('advice names the first thing that is missing', () => {
  const all = { areAllowed: true, hasPrograms: true, hasIds: true }
  assert.match(
    namespaceAdvice({ ...all, areAllowed: false, hasPrograms: false }),
    /max_user_namespaces.*root/,
  )
  assert.match(namespaceAdvice({ ...all, hasPrograms: false, hasIds: false }), /package uidmap/)
  assert.match(namespaceAdvice({ ...all, hasIds: false }), /usermod --add-subuids/)
  assert.match(namespaceAdvice(all), /setuid root/)
})

test('the facts are looked up without an error, whatever they are here', () => {
  const facts = namespaceFacts()
  assert.deepEqual(
    Object.values(facts).map((fact) => typeof fact),
    ['boolean', 'boolean', 'boolean'],
  )
})
