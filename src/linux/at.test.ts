import assert from 'node:assert/strict'
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { removeTree } from './remove-tree.ts'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decodeBytes } from '../util/byte-string.ts'
import { isMilleError } from '../util/errors.ts'
import {
  fchmodat,
  fchownat,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  readlinkat,
  renameat2,
  renameFlags,
  symlinkat,
  tryUnlinkat,
  unlinkat,
  utimensat,
} from './at.ts'
import { copyRange } from './copy-range.ts'
import { openat2, openFolder, resolveFlags, tryOpenat2 } from './openat2.ts'
import { readFolder } from './read-folder.ts'
import { fileTypes, findStatus, statx } from './statx.ts'
import { nextData } from './seek-data.ts'
import { getXattr, listXattrs, setXattr } from './xattr.ts'
import { readText } from '../util/read-text.ts'

const root = mkdtempSync(join(tmpdir(), 'mille-linux-'))
const folder = openFolder(root)
after(() => {
  closeSync(folder)
  rmSync(root, { recursive: true })
})

test('folders, links, devices and fifos with owner, mode and nanosecond times', () => {
  mkdirat(folder, 'd', 0o755)
  fchownat(folder, 'd', 12, 34)
  fchmodat(folder, 'd', 0o1777)
  symlinkat('to where', folder, 'l')
  utimensat(folder, 'l', 5n, -1n)
  utimensat(folder, 'd', 0n, 1_700_000_000_123_456_789n)
  mknodat(folder, 'null', fileTypes.char | 0o666, makeDevice(1, 3))
  mknodat(folder, 'big', fileTypes.block | 0o600, makeDevice(259, 70_000))
  mknodat(folder, 'pipe', fileTypes.fifo | 0o600)
  const status = statx(folder, 'd')
  assert.deepEqual([status.mode, status.uid, status.gid], [0o41777, 12, 34])
  assert.equal(status.mtime, 1_700_000_000_123_456_789n)
  assert.equal(statx(folder, 'l').mtime, -1n)
  assert.equal(readlinkat(folder, 'l').toString(), 'to where')
  assert.deepEqual([statx(folder, 'null').major, statx(folder, 'null').minor], [1, 3])
  assert.deepEqual([statx(folder, 'big').major, statx(folder, 'big').minor], [259, 70_000])
  assert.equal(statx(folder, 'pipe').mode & fileTypes.mask, fileTypes.fifo)
  linkat(folder, 'l', folder, 'l2')
  assert.equal(statx(folder, 'l2').inode, statx(folder, 'l').inode)
  assert.deepEqual(
    readFolder(openFolder(root))
      .map(({ name, type }) => `${name} ${type.toString(8)}`)
      .sort(),
    ['big 60000', 'd 40000', 'l 120000', 'l2 120000', 'null 20000', 'pipe 10000'],
  )
  assert.throws(
    () => renameat2(folder, 'l', folder, 'l2', renameFlags.noReplace),
    (error) => isMilleError(error, 'PATH_EXISTS'),
  )
  unlinkat(folder, 'd', { directory: true })
  assert.equal(findStatus(folder, 'd'), undefined)
  assert.ok(tryUnlinkat(folder, 'd') < 0)
})

test('names that are not UTF-8 keep their bytes', () => {
  const name = decodeBytes(Buffer.from([0x61, 0xff, 0xe9]))
  mkdirat(folder, name, 0o700)
  assert.ok(statSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff, 0xe9])])).isDirectory())
  assert.ok(readFolder(openFolder(root)).some((entry) => entry.name === name))
})

test('openat2 keeps absolute links and .. inside the root, or refuses them', () => {
  mkdirat(folder, 'in', 0o700)
  writeFileSync(join(root, 'in/etc-file'), 'inside')
  symlinkat('/in/../../in', folder, 'abs')
  const flags = constants.O_RDONLY
  const inside = openat2(folder, 'abs/etc-file', flags, resolveFlags.inRoot)
  assert.equal(readText(inside), 'inside')
  closeSync(inside)
  assert.throws(
    () => openat2(folder, 'abs/etc-file', flags, resolveFlags.beneath),
    (error) => isMilleError(error, 'PATH_CROSSES_DEVICE'),
  )
  assert.ok(tryOpenat2(folder, '../etc/passwd', flags, resolveFlags.beneath) < 0)
})

test('extended attributes of files and links, by path and by descriptor', () => {
  writeFileSync(join(root, 'x'), '')
  const fd = openat2(folder, 'x', 0o10000000, 0)
  setXattr(fd, 'user.a', Buffer.from([1, 0, 2]))
  setXattr(join(root, 'l'), 'trusted.b', Buffer.from('link'))
  assert.deepEqual(listXattrs(join(root, 'x')), ['user.a'])
  assert.deepEqual(getXattr(fd, 'user.a'), Buffer.from([1, 0, 2]))
  assert.deepEqual(listXattrs(join(root, 'l')), ['trusted.b'])
  assert.equal(getXattr(fd, 'user.c'), undefined)
  closeSync(fd)
})

test('copyRange copies exactly the range, and says when the source ended', () => {
  writeFileSync(join(root, 'from'), 'hello world')
  const from = openat2(folder, 'from', constants.O_RDONLY, 0)
  const to = openat2(folder, 'to', constants.O_CREAT | constants.O_RDWR, 0, 0o600)
  assert.equal(copyRange({ from, to, offset: 6, toOffset: 0, length: 5 }), 5)
  assert.equal(copyRange({ from, to, offset: 0, toOffset: 5, length: 100 }), 11)
  assert.equal(readText(join(root, 'to')), 'worldhello world')
  closeSync(from)
  closeSync(to)
})

test('nextData skips a hole, and stays at the end of the file', () => {
  const fd = openat2(folder, 'sparse', constants.O_CREAT | constants.O_RDWR, 0, 0o600)
  writeSync(fd, 'x', 1_048_576)
  ftruncateSync(fd, 4_194_304)
  assert.equal(nextData(fd, 0, 'sparse'), 1_048_576)
  assert.equal(nextData(fd, 4_194_304, 'sparse'), 4_194_304)
  closeSync(fd)
})

test('removeTree removes links, not what they point to', () => {
  mkdirat(folder, 'doomed', 0o700)
  mkdirat(folder, 'doomed/deep', 0o700)
  mkdirat(folder, 'kept', 0o700)
  writeFileSync(join(root, 'kept/file'), '')
  symlinkat('../../kept', folder, 'doomed/deep/link')
  assert.equal(removeTree(folder, 'doomed'), true)
  assert.equal(removeTree(folder, 'doomed'), false)
  assert.ok(findStatus(folder, 'kept/file') !== undefined)
})
