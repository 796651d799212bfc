import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { fillDisk, smallDisk } from '../support/small-disk.ts'

let disk: ReturnType<typeof smallDisk>
let mille: TestMille

before(() => {
  disk = smallDisk(64)
  mille = testMille({}, disk.path)
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => {
  mille[Symbol.dispose]()
  disk[Symbol.dispose]()
})

/** Takes every byte in the container's layer, then says more than fits into what others keep. */
const fillAndTalk =
  'for size in 1M 4k 512; do dd if=/dev/zero of=/fill$size bs=$size 2>/dev/null; done; i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done; exit 3'
const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join('')

test('a container that fills the disk: its output and exit code reach the user, --rm removes it', () => {
  assert.deepEqual(mille.run(['run', '--rm', 'busybox', 'sh', '-c', fillAndTalk]), {
    code: 3,
    out: lines,
    err: '',
  })
  assert.equal(mille.ok('ps', '-aq'), '')
})

test('one that stays is listed with its exit code, also when nothing is set aside any more, and can be removed', () => {
  const { code, out } = mille.run(['run', '--name', 'full', 'busybox', 'sh', '-c', fillAndTalk])
  assert.equal(code, 3)
  assert.equal(out, lines)
  // the index of the database's log is made anew by each first opener
  for (const name of ['reserve', 'mille.db-shm']) rmSync(join(mille.root, name), { force: true })
  fillDisk(disk.path)
  assert.match(mille.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}'), /^full Exited \(3\)/)
  assert.equal(mille.ok('rm', 'full'), 'full')
  rmSync(join(disk.path, 'filler'))
  assert.equal(mille.ok('ps', '-aq'), '')
})

test('a log that fills the disk loses lines, not the container: it lives and keeps its exit code (B-RN-6)', () => {
  const script =
    'echo begin; dd if=/dev/zero of=/fill bs=1M 2>/dev/null; yes "fill the disk" | head -c 3000000; exit 7'
  mille.ok('run', '-d', '--name', 'talker', 'busybox', 'sh', '-c', script)
  assert.equal(mille.ok('wait', 'talker'), '7')
  assert.match(mille.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}'), /^talker Exited \(7\)/)
  assert.match(mille.run(['logs', 'talker']).err, /output was lost here: the log could not be written/)
  assert.equal(mille.ok('rm', 'talker'), 'talker')
})
