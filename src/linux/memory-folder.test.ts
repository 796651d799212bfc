import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keepInMemory } from './memory-folder.ts'
import { unmount } from './mount.ts'

const base = mkdtempSync(join(tmpdir(), 'mille-memory-'))
after(() => rmSync(base, { recursive: true }))
const typeOf = (folder: string): number => statfsSync(folder).type
const disk = typeOf(base)
const skip = disk === 0x01021994 ? 'the temporary folder is in memory already' : false

test('a folder is put into memory once, however many ask at the same time', { skip }, async () => {
  const folder = join(base, 'new')
  await Promise.all([1, 2, 3].map(() => keepInMemory(folder)))
  try {
    assert.notEqual(typeOf(folder), disk)
    writeFileSync(join(folder, 'state'), '')
    await keepInMemory(folder)
    assert.ok(existsSync(join(folder, 'state')))
  } finally {
    unmount(folder)
  }
  assert.equal(typeOf(folder), disk)
})

test('what a folder holds already is not hidden', { skip }, async () => {
  const folder = join(base, 'used')
  mkdirSync(folder)
  writeFileSync(join(folder, 'state'), '')
  await keepInMemory(folder)
  assert.equal(typeOf(folder), disk)
})
