import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openFileStorage } from '../../src/registry/server/file-storage.ts'
import { MemoryStorage } from '../../src/registry/server/memory-storage.ts'
import { testRegistryStorage } from './registry-storage.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-registry-storage-'))
after(() => {
  rmSync(top, { recursive: true })
})

testRegistryStorage('memory', async (options) => new MemoryStorage(options))
testRegistryStorage('files', async (options) => openFileStorage(mkdtempSync(join(top, 'root-')), options))
