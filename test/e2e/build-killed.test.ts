import { strict as assert } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testMille } from '../support/mille.ts'

/** Numbers of the processes that run exactly these words. */
function processesOf(words: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1') === words
    } catch {
      return false
    }
  })
}

test('the RUN step of a build that was killed ends with the next command, whichever it is', async () => {
  using mille = testMille()
  const context = mkdtempSync(join(tmpdir(), 'mille-killed-'))
  try {
    mille.ok('image', 'bootstrap', 'busybox')
    const seconds = String(100_000 + process.pid)
    writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nRUN ["sleep", "${seconds}"]\n`)
    const words = `sleep\0${seconds}\0`
    const build = mille.start('build', '--network', 'none', context)
    while (processesOf(words).length === 0) await sleep(20)
    build.kill('SIGKILL')
    await sleep(100)
    assert.equal(processesOf(words).length, 1)
    mille.ok('ps')
    assert.deepEqual(processesOf(words), [])
  } finally {
    rmSync(context, { recursive: true })
  }
})
