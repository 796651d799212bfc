import { strict as assert } from 'node:assert'
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { openPipe, reap, spawnDetached } from './spawn-detached.ts'

/** Runs a script to its end; what it wrote to its descriptor 3. */
async function run(script: string, env: Record<string, string> = {}): Promise<string> {
  const { read, write } = openPipe()
  const nothing = openSync('/dev/null', 'r+')
  const pid = spawnDetached({
    path: '/bin/sh',
    args: ['-c', script],
    env,
    folder: tmpdir(),
    descriptors: [nothing, nothing, nothing, write],
  })
  closeSync(write)
  closeSync(nothing)
  while (!reap(pid)) await sleep(2)
  const buffer = Buffer.alloc(65536)
  const length = readSync(read, buffer)
  closeSync(read)
  return buffer.toString('utf8', 0, length)
}

test('words, environment, folder and descriptors arrive as given', async () => {
  const text = await run('printf "%s|%s|%s" "$0" "$NAME" "$PWD" >&3', { NAME: 'a b=ü' })
  assert.equal(text, `/bin/sh|a b=ü|${tmpdir()}`)
})

test('it leads a session of its own, ignores and blocks no signal and has no descriptor of ours', async () => {
  const text = await run(
    'cat /proc/self/status >&3; echo; ls /proc/$$/fd >&3; cut -d" " -f 6 /proc/$$/stat >&3; echo $$ >&3',
  )
  assert.match(text, /SigIgn:\t0+\n/)
  assert.match(text, /SigBlk:\t0+\n/)
  const lines = text.trim().split('\n')
  assert.equal(lines.at(-1), lines.at(-2))
  const open = lines.slice(lines.findLastIndex((line) => line.includes('ctxt')) + 1, -2)
  assert.deepEqual(
    open.filter((name) => Number(name) > 3 && Number(name) < 10),
    [],
  )
  assert.notEqual(readFileSync('/proc/self/stat', 'latin1').split(' ')[5], lines.at(-1))
})

test('a program that is not there is an error', () => {
  assert.throws(
    () => spawnDetached({ path: '/nope', args: [], env: {}, folder: '/', descriptors: [] }),
    (error) => isMilleError(error, 'PATH_NOT_FOUND'),
  )
})

test('one that ended is no zombie of a process that lives on and asks for nothing', async () => {
  const nothing = openSync('/dev/null', 'r+')
  const descriptors = [nothing, nothing, nothing]
  const program = { path: '/bin/sh', args: ['-c', 'exit 3'], env: {}, folder: '/', descriptors }
  const pid = spawnDetached(program)
  while (existsSync(`/proc/${pid}`)) await sleep(20)
  closeSync(nothing)
})
