import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeFolders } from './make-folders.ts'

const base = mkdtempSync(join(tmpdir(), 'mille-folders-'))
after(() => rmSync(base, { recursive: true }))

test('makes what is missing, with the mode; what is there stays', () => {
  makeFolders(join(base, 'a/b/c'), 0o700)
  makeFolders(join(base, 'a/b/c'), 0o755)
  assert.equal(statSync(join(base, 'a/b/c')).mode & 0o777, 0o700)
  makeFolders(base)
})

test('a file in the way, and a place where nothing can be made, are errors: no endless tries', () => {
  writeFileSync(join(base, 'file'), '')
  assert.throws(() => makeFolders(join(base, 'file')), { code: 'EEXIST' })
  assert.throws(() => makeFolders(join(base, 'file/below')), { code: 'ENOTDIR' })
  assert.throws(() => makeFolders('/proc/no-such/place'), { code: 'ENOENT' })
})
