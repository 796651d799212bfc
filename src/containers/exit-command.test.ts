import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTempStore } from '../../test/support/temp-store.ts'
import { isMilleError } from '../util/errors.ts'
import { attend } from './exit-command.ts'

test('attending a container that was removed meanwhile says so, not ENOENT', async () => {
  await using store = await openTempStore()
  const folder = mkdtempSync(join(tmpdir(), 'mille-gone-'))
  rmSync(folder, { recursive: true })
  await assert.rejects(attend(store, { id: 'abc', folder }), (error) =>
    isMilleError(error, 'NO_SUCH_CONTAINER'),
  )
})
