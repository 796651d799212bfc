import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rawEnd, rawEntry } from '../../../test/support/raw-tar.ts'
import { extractTar } from './extract-tar.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-extract-'))
after(() => rmSync(folder, { recursive: true }))

test('a file that a link replaces while it is written gives its mode to nothing outside (C-A5)', async () => {
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  mkdirSync(root)
  writeFileSync(outside, '', { mode: 0o600 })
  const written = join(root, 'file')
  const [uid = '', gid = ''] = [process.getuid?.(), process.getgid?.()].map((id) => id?.toString(8))
  const entry = rawEntry({ name: 'file', mode: '0000777\0', uid, gid }, Buffer.alloc(8 * 1024 * 1024))
  let swapped = false
  const tar = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < entry.length; at += 65_536) {
      if (!swapped && existsSync(written)) {
        rmSync(written)
        symlinkSync(outside, written)
        swapped = true
      }
      yield entry.subarray(at, at + 65_536)
    }
    yield rawEnd
  }
  await extractTar(tar(), root, '/', { copyOwner: true })
  assert.ok(swapped)
  assert.equal(statSync(outside).mode & 0o777, 0o600)
})
