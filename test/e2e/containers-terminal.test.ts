import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

const command = resolve(import.meta.dirname, '../../bin/mille')
let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** A command line in a terminal of 33 lines and 99 columns; `typed` are shell words that type: they go through a pipe. */
function inTerminal(line: string, typed = 'sleep 5'): { code: number; out: string } {
  const { status, stdout } = spawnSync(
    'sh',
    ['-c', `(${typed}) | script -qec 'stty rows 33 cols 99; exec ${command} ${line}' /dev/null`],
    { env: { ...process.env, MILLE_ROOT: mille.root }, timeout: 20_000 },
  )
  return { code: status ?? -1, out: stdout.toString() }
}

test('run -it: a terminal of the right size, typed lines reach it, the exit code comes back', () => {
  const { code, out } = inTerminal(
    'run --rm -it busybox sh',
    'sleep 1; echo "tty; stty size; exit 7"; sleep 1',
  )
  assert.equal(code, 7, out)
  assert.match(out, /\/dev\/pts\/0\r\n33 99\r\n/)
})

test('Ctrl-C goes to the process in the terminal', () => {
  const script = 'trap "echo INTERRUPTED; exit 4" INT; while true; do sleep 0.1; done'
  const { code, out } = inTerminal(
    `run --rm -it busybox sh -c "${script.replaceAll('"', '\\"')}"`,
    "sleep 1; printf '\\003'; sleep 1",
  )
  assert.equal(code, 4, out)
  assert.match(out, /INTERRUPTED/)
})

test('detaching leaves it running; attach goes on; exec -it has a terminal of its own', () => {
  const first = inTerminal(
    'run -it --name kept busybox sh',
    "sleep 1; echo MARK=here; sleep 0.5; printf '\\020\\021'; sleep 1",
  )
  assert.equal(first.code, 0, first.out)
  assert.equal(mille.ok('inspect', '-f', '{{.State.Running}}', 'kept'), 'true')
  const exec = inTerminal('exec -it kept sh -c "tty; exit 6"', 'sleep 1')
  assert.equal(exec.code, 6, exec.out)
  assert.match(exec.out, /\/dev\/pts\/1/)
  const attached = inTerminal(
    'attach kept',
    'sleep 1; echo "echo is \\$MARK"; sleep 0.5; echo exit 3; sleep 1',
  )
  assert.equal(attached.code, 3, attached.out)
  assert.match(attached.out, /is here/)
})

test('-it without a terminal is refused', () => {
  const { code, err } = mille.run(['run', '--rm', '-it', 'busybox', 'sh'])
  assert.equal(code, 1)
  assert.match(err, /the input device is not a TTY/)
})
