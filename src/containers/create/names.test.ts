import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { checkName, randomName } from './names.ts'

test('random names follow the rule and avoid taken ones', () => {
  const taken = new Set<string>()
  for (let i = 0; i < 200; i++) {
    const name = randomName((one) => taken.has(one))
    assert.equal(checkName(name), name)
    assert(!taken.has(name))
    taken.add(name)
  }
})

test('names that could be paths or flags are refused', () => {
  for (const name of ['../x', 'a/b', '-x', '', 'a', 'x\ny', '.hidden', 'a'.repeat(300)]) {
    assert.throws(
      () => checkName(name),
      (error) => isMilleError(error, 'CONTAINER_NAME_INVALID'),
      name,
    )
  }
  assert.equal(checkName('/web'), 'web')
})
