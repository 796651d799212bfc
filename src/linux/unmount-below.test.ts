import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mount } from './mount.ts'
import { unmountBelow } from './unmount-below.ts'

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
    unmountBelow(beside)
    assert.deepEqual(readdirSync(beside), [])
  } finally {
    unmountBelow(base)
    rmSync(base, { recursive: true })
  }
})
