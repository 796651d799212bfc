import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { mountFileSystem } from './mount-file-system.ts'
import { mount, mountFlags, unmount } from './mount.ts'
import { readText } from '../util/read-text.ts'

test('mount and unmount by option string and by fsopen', () => {
  const root = mkdtempSync(join(tmpdir(), 'mille-mount-'))
  const target = join(root, 'target')
  mkdirSync(target)
  try {
    mount({ source: 'none', target, type: 'tmpfs', flags: mountFlags.noDev, data: 'size=1m' })
    writeFileSync(join(target, 'a'), '')
    unmount(target)
    mountFileSystem({ type: 'tmpfs', target, options: [{ key: 'size', value: '1m' }] })
    assert.match(readText('/proc/self/mounts'), new RegExp(`${target} tmpfs rw.*size=1024k`))
    unmount(target)
    assert.throws(
      () => unmount(target),
      (error) => isMilleError(error) && error.details['errno'] === 'EINVAL',
    )
  } finally {
    rmSync(root, { recursive: true })
  }
})

test("a refused mount carries the kernel's own words", () => {
  const root = mkdtempSync(join(tmpdir(), 'mille-mount-'))
  try {
    assert.throws(
      () =>
        mountFileSystem({
          type: 'overlay',
          target: root,
          options: [{ key: 'no-such-option' }],
        }),
      (error) => isMilleError(error) && String(error.cause).includes('no-such-option'),
    )
  } finally {
    rmSync(root, { recursive: true })
  }
})
