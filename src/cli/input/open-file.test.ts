import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { messageOf } from '../../util/errors.ts'
import { openFile } from './open-file.ts'

const reasonOf = (path: string): Promise<string> =>
  openFile(path).then(
    () => assert.fail(`${path} opened`),
    (error: unknown) => messageOf(error),
  )

test('a file that cannot be read is told as the shell tells it', async () => {
  const folder = tmpdir()
  assert.equal(await reasonOf(folder), `open ${folder}: is a directory`)
  assert.equal(await reasonOf(join(folder, 'nope')), `open ${folder}/nope: no such file or directory`)
  assert.equal(await reasonOf('/etc/passwd/x'), 'open /etc/passwd/x: not a directory')
  const long = join(folder, 'x'.repeat(300))
  assert.equal(await reasonOf(long), `open ${long}: name too long`)
})
