import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

test('the process ends at once with its code, after the listeners of its end and nothing else', () => {
  const script = `
    import { writeSync } from 'node:fs'
    import { endProcess } from ${JSON.stringify(join(import.meta.dirname, 'end-process.ts'))}
    process.on('exit', (code) => writeSync(1, 'listener ' + code))
    endProcess(3)
    writeSync(1, 'later')
  `
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script])
  assert.deepEqual([status, stdout.toString()], [3, 'listener 3'])
})
