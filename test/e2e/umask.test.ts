import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { type Ran, type TestMille, testMille } from '../support/mille.ts'

const command = resolve(import.meta.dirname, '../../bin/mille')
let mille: TestMille
const folders: string[] = []

before(async () => {
  mille = testMille()
  await using store = await openStore(mille.root)
  await makeBusyboxImage(store)
})
after(() => {
  mille[Symbol.dispose]()
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** The command under the strictest umask, which leaves nothing to others. */
function strictly(args: readonly string[], input: string = ''): Ran {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', 'umask 077; exec "$0" "$@"', command, ...args], {
    input,
    env: { ...process.env, MILLE_ROOT: mille.root },
  })
  return { code: status ?? 128, out: stdout.toString(), err: stderr.toString() }
}

test('RUN by another user reads the files in /etc that it gets', () => {
  const lines = ['FROM busybox', 'USER 7', 'RUN cat /etc/hosts /etc/hostname /etc/resolv.conf']
  const { code, err } = strictly(['build', '--network=none', '-'], lines.join('\n'))
  assert.equal(code, 0, err)
})

test('a working folder that the base lacks has the same mode in the layer', () => {
  const root = mille.ok('create', 'busybox')
  mille.ok('commit', '--change', 'WORKDIR /new/folder', root, 'lacking')
  const lines = 'FROM lacking\nRUN stat -c %a . ..'
  const ids = [strictly, (args: readonly string[], input: string): Ran => mille.run(args, { input })].map(
    (run) => {
      const { code, out, err } = run(['build', '--network=none', '--no-cache', '-q', '-'], lines)
      assert.equal(code, 0, err)
      return out
    },
  )
  assert.equal(ids[0], ids[1])
})

test('a symbolic --chmod does not see the umask that the context was made under', () => {
  const [first, second] = [0o644, 0o600].map((mode) => {
    const folder = mkdtempSync(join(tmpdir(), 'mille-umask-'))
    folders.push(folder)
    writeFileSync(join(folder, 'a'), 'a')
    chmodSync(join(folder, 'a'), mode)
    writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY --chmod=o=u a /a')
    return mille.ok('build', '-q', '--no-cache', folder)
  })
  assert.equal(first, second)
})

test('containers of another user read /etc and use their volume and working folder', () => {
  const script = 'cat /etc/hosts /etc/hostname /etc/resolv.conf >/dev/null && ls /v && stat -c %a /v . ..'
  const flags = ['--rm', '--network=none', '-u', '7', '-v', 'named:/v', '-w', '/new/folder']
  const { code, out, err } = strictly(['run', ...flags, 'busybox', 'sh', '-c', script])
  assert.equal(code, 0, err)
  assert.equal(out, '755\n755\n755\n')
})
