import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError, type ErrorCode } from '../util/errors.ts'
import { checkLayerEntry, type LayerTarEntry } from './check-entry.ts'
import type { TarEntry } from './entry.ts'

const base: TarEntry = {
  path: 'f',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 0n,
  size: 0,
  offset: 512,
  storedSize: 0,
}
const check = (entry: Partial<TarEntry>): LayerTarEntry => checkLayerEntry({ ...base, ...entry })

function assertRefused(code: ErrorCode, ...entries: readonly Partial<TarEntry>[]): void {
  for (const entry of entries)
    assert.throws(
      () => check(entry),
      (error) => isMilleError(error, code),
      JSON.stringify(entry),
    )
}

test('paths are cleaned as text', () => {
  for (const path of ['a/b', './a/b', '/a/b', '//a//./b', 'a/c/../b', '/./a/b/.'])
    assert.equal(check({ path }).path, 'a/b')
  for (const path of ['.', './', '/', '//.', 'a/..'])
    assert.equal(check({ path, type: 'directory' }).path, '')
})

test('paths that leave the root, empty ones, long ones', () => {
  assertRefused(
    'LAYER_PATH_ESCAPE',
    { path: '../x' },
    { path: 'a/../../x' },
    { path: '/../x' },
    { path: '../', type: 'directory' },
  )
  assertRefused('LAYER_PATH_INVALID', { path: '' }, { path: 'a\0b' })
  assertRefused(
    'LAYER_PATH_TOO_LONG',
    { path: 'x'.repeat(256) },
    { path: 'é'.repeat(128) },
    { path: 'a/'.repeat(2049) },
  )
  assert.equal(check({ path: 'x'.repeat(255) }).kind, 'node')
  assert.equal(check({ path: '\udc80'.repeat(255) }).kind, 'node')
  assert.equal(check({ path: 'new\nline\\\x1b' }).path, 'new\nline\\\x1b')
})

test('the root is a folder', () => {
  assertRefused(
    'LAYER_ROOT_TYPE',
    { path: './', type: 'symlink', linkTarget: '/etc' },
    { path: '/.' },
    { path: 'a/..' },
  )
})

test('whiteouts', () => {
  const found = (path: string): unknown => {
    const { kind, path: target } = check({ path })
    return [kind, target]
  }
  assert.deepEqual(found('etc/.wh.passwd'), ['whiteout', 'etc/passwd'])
  assert.deepEqual(found('.wh.x'), ['whiteout', 'x'])
  assert.deepEqual(found('etc/.wh..wh..opq'), ['opaque', 'etc'])
  assert.deepEqual(found('.wh..wh..opq'), ['opaque', ''])
  assert.deepEqual(found('.wh..wh.plnk/1.2'), ['ignored', '.wh..wh.plnk/1.2'])
  for (const name of ['.wh.', '.wh..', '.wh...', '.wh..wh.x', '.wh.a/b'])
    assertRefused('LAYER_WHITEOUT_INVALID', { path: `etc/${name}` })
  assertRefused(
    'LAYER_WHITEOUT_INVALID',
    { path: '.wh.' },
    { path: '.wh..' },
    { path: '.wh...' },
    { path: '.wh.d', type: 'directory' },
  )
})

test('link targets', () => {
  assert.equal(check({ type: 'hardlink', linkTarget: '/usr/./bin/x' }).linkPath, 'usr/bin/x')
  assert.equal(check({ type: 'symlink', linkTarget: '../../../etc' }).kind, 'node')
  assertRefused(
    'LAYER_LINK_TARGET',
    { type: 'hardlink', linkTarget: '../x' },
    { type: 'hardlink', linkTarget: './f' },
    { type: 'hardlink', linkTarget: '/' },
    { type: 'hardlink', linkTarget: '' },
    { type: 'symlink', linkTarget: '' },
  )
  assertRefused('LAYER_PATH_TOO_LONG', { type: 'symlink', linkTarget: 'a/'.repeat(2050) })
})

test('what overlayfs would obey is refused or dropped', () => {
  assertRefused('LAYER_DEVICE_INVALID', { type: 'char', device: { major: 0, minor: 0 } })
  const names = [
    'trusted.overlay.opaque',
    'user.overlay.redirect',
    'user.a',
    'security.capability',
    'trusted.b',
    'system.posix_acl_access',
    'odd.c',
    'user.',
  ]
  const { xattrs } = check({ xattrs: new Map(names.map((name) => [name, Buffer.from('y')])) })
  assert.deepEqual(
    [...(xattrs?.keys() ?? [])],
    ['user.a', 'security.capability', 'trusted.b', 'system.posix_acl_access'],
  )
  assert.equal(check({ xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]) }).xattrs, undefined)
})
