import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { resolveUser } from './user.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-user-'))
const root = join(top, 'root')
after(() => rmSync(top, { recursive: true }))
beforeEach(() => {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(join(root, 'etc'), { recursive: true })
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1001::/home/build:/bin/sh\n1234:x:0:0::/root:/bin/sh\nbroken\n',
  )
  writeFileSync(
    join(root, 'etc/group'),
    'root:x:0:\nbuild:x:1001:\nwheel:x:10:root,build\nstaff:x:50:build\n',
  )
})

function codeOf(user: string): string {
  try {
    resolveUser(root, user)
    return 'none'
  } catch (error) {
    return isMilleError(error) ? error.code : String(error)
  }
}

test('empty is root, with the groups that list it', () => {
  assert.deepEqual(resolveUser(root, ''), { uid: 0, gid: 0, groups: [0, 10], home: '/root' })
})

test('a name takes primary group, exact supplementary groups and home from the root folder', () => {
  assert.deepEqual(resolveUser(root, 'build'), {
    uid: 1000,
    gid: 1001,
    groups: [1001, 10, 50],
    home: '/home/build',
  })
  assert.deepEqual(resolveUser(root, '1000'), resolveUser(root, 'build'))
})

test('an explicit group is the only one', () => {
  assert.deepEqual(resolveUser(root, 'build:wheel'), {
    uid: 1000,
    gid: 10,
    groups: [10],
    home: '/home/build',
  })
  assert.deepEqual(resolveUser(root, '7:8'), { uid: 7, gid: 8, groups: [8], home: '/' })
})

test('digits are a number even when a user has them as name (CVE-2026-46680)', () => {
  assert.deepEqual(resolveUser(root, '1234'), { uid: 1234, gid: 0, groups: [0], home: '/' })
})

test('ids out of range, negative ones and control bytes are refused, never wrapped (CVE-2024-40635)', () => {
  for (const user of [
    '4294967296',
    '2147483648',
    '-1',
    '0:4294967296',
    '99999999999999999999',
    'a\nb',
    '1:-1',
  ]) {
    assert.equal(codeOf(user), 'USER_INVALID', user)
  }
})

test('unknown names are named', () => {
  assert.equal(codeOf('nobody'), 'USER_NOT_FOUND')
  assert.equal(codeOf('build:nogroup'), 'GROUP_NOT_FOUND')
})

test('passwd as link stays in the root; as fifo or device it counts as missing (CVE-2024-9676)', () => {
  writeFileSync(join(top, 'outside'), 'evil:x:0:0::/:/bin/sh\n')
  const passwd = join(root, 'etc/passwd')
  rmSync(passwd)
  symlinkSync(join(top, 'outside'), passwd)
  assert.equal(codeOf('evil'), 'USER_NOT_FOUND')
  rmSync(passwd)
  symlinkSync('../../../../other', passwd)
  writeFileSync(join(root, 'other'), 'inside:x:5:5::/:/bin/sh\n')
  assert.equal(resolveUser(root, 'inside').uid, 5)
  rmSync(passwd)
  execFileSync('mkfifo', [passwd])
  assert.equal(codeOf('evil'), 'USER_NOT_FOUND')
})

test('a huge passwd file is refused', () => {
  truncateSync(join(root, 'etc/passwd'), 256 * 1024 * 1024)
  assert.equal(codeOf('build'), 'ROOTFS_FILE_TOO_LARGE')
})
