import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sniffArchive } from '../context/decompress.ts'
import { OutputTail } from './output-tail.ts'

test('the tail of the output: last lines, without what was overwritten, bounded', () => {
  const tail = new OutputTail(3)
  tail.add(Buffer.from('one\ntwo\nthr'))
  tail.add(Buffer.from('ee\n10%\r100%\nno newline'))
  assert.deepEqual(tail.lines(), ['three', '100%', 'no newline'])
  tail.add(Buffer.alloc(100_000, 'x'))
  assert.ok((tail.lines().at(-1)?.length ?? 0) <= 2000)
})

test('archives are told by their bytes', () => {
  assert.equal(sniffArchive(Buffer.from([0x1f, 0x8b, 8, 0])), 'gzip')
  assert.equal(sniffArchive(Buffer.from('BZh91AY')), 'bzip2')
  assert.equal(sniffArchive(Buffer.from('FROM scratch')), undefined)
  assert.equal(sniffArchive(Buffer.alloc(512)), undefined)
})
