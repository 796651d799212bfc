import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mount } from './mount.ts'
import { isMounted, unmountBelow } from './unmount-below.ts'

test('mounts below a folder go, nested ones and odd names too; those beside it stay', () => {
  const base = mkdtempSync(join(tmpdir(), 'mille-unmount-'))
  try {
    const [inner, nested, beside] = [join(base, 'a b/in'), join(base, 'a b/in/deep'), join(base, 'a bc')]
    for (const path of [inner, nested, beside]) {
      mkdirSync(path, { recursive: true })
      mount({ source: 'tmpfs', target: path, type: 'tmpfs' })
      if (path === inner) mkdirSync(nested)
      writeFileSync(join(path, 'mounted'), '')
    }
    unmountBelow(join(base, 'a b'))
    assert.deepEqual(readdirSync(inner), [])
    assert.deepEqual(readdirSync(beside), ['mounted'])
    // also by a path with a link in it
    symlinkSync(base, `${base}-link`)
    assert.equal(isMounted(join(`${base}-link`, 'a bc')), true)
    unmountBelow(join(`${base}-link`, 'a bc'))
    assert.equal(isMounted(beside), false)
    assert.deepEqual(readdirSync(beside), [])
  } finally {
    unmountBelow(base)
    rmSync(base, { recursive: true })
    rmSync(`${base}-link`, { force: true })
  }
})
