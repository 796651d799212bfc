import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { fileReader } from './read-file.ts'

test('what cannot be read says why', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-read-file-'))
  try {
    const read = fileReader(Readable.from([]))
    const large = join(folder, 'large.yaml')
    writeFileSync(large, '')
    truncateSync(large, 8 * 2 ** 20 + 1)
    await assert.rejects(read(large), { message: `open ${large}: larger than 8388608 bytes` })
    await assert.rejects(read(folder), { message: `open ${folder}: is a directory` })
    const none = join(folder, 'none')
    await assert.rejects(read(none), { message: `open ${none}: no such file or directory` })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
