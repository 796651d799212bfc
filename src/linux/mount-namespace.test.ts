import { strict as assert } from 'node:assert'
import { closeSync, existsSync, mkdtempSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mount } from './mount.ts'
import { attachMount } from './mount-file-system.ts'
import { copyMount, createMountNamespace } from './mount-namespace.ts'

const isRoot = process.getuid?.() === 0

test(
  'what is mounted in the namespace is there and not here; this thread is where it was',
  { skip: !isRoot },
  () => {
    const top = mkdtempSync(join(tmpdir(), 'mille-namespace-'))
    const before = process.cwd()
    try {
      process.chdir(top)
      for (const name of ['covered', 'source']) mkdirSync(name)
      writeFileSync('source/file', 'text')
      mount({ source: 'none', target: join(top, 'source'), type: 'tmpfs' })
      writeFileSync('source/inside', '')
      const namespace = createMountNamespace(() => {
        const copy = copyMount(join(top, 'source'))
        mount({ source: 'none', target: join(top, 'covered'), type: 'tmpfs' })
        mkdirSync(join(top, 'covered', 'here'))
        attachMount(copy, join(top, 'covered', 'here'))
      })
      const path = `--mount=/proc/${String(process.pid)}/fd/${String(namespace)}`
      const seen = spawnSync('nsenter', [path, 'ls', join(top, 'covered', 'here')], { encoding: 'utf8' })
      closeSync(namespace)
      assert.equal(seen.stdout, 'inside\n', seen.stderr)
      assert.deepEqual(readdirSync('covered'), [])
      assert.equal(process.cwd(), top)
      assert.ok(existsSync('source/inside'))
    } finally {
      process.chdir(before)
      spawnSync('umount', [join(top, 'source')])
      rmSync(top, { recursive: true })
    }
  },
)
