import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTempStore } from '../../../test/support/temp-store.ts'
import { isMilleError } from '../../util/errors.ts'
import { attend } from './exit-command.ts'
import type { ContainerParts } from '../parts.ts'

test('attending a container that was removed meanwhile says so and leaves nothing', async () => {
  await using store = await openTempStore()
  const parts = { store, stateFolder: join(store.root, 'state') } as ContainerParts
  await assert.rejects(attend(parts, 'abc'), (error) => isMilleError(error, 'NO_SUCH_CONTAINER'))
  assert.deepEqual(readdirSync(join(parts.stateFolder, 'attended')), [])
})
