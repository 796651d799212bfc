import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  mille.run(['build', '-q', '-t', 'bare', '-'], {
    input: 'FROM busybox AS b\nFROM scratch\nCOPY --from=b /bin/busybox /bin/true\nCMD ["/bin/true"]\n',
  })
})
after(() => mille[Symbol.dispose]())

test('mount points that an image lacks are in no diff and in no image committed from the container', () => {
  for (const image of ['busybox', 'bare']) {
    const id = mille.ok('run', '-d', image, '/bin/true')
    mille.ok('wait', id)
    assert.equal(mille.ok('diff', id), '', image)
    mille.ok('commit', id, `${image}-again`)
    const layers = (name: string): string =>
      mille.ok('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name)
    assert.equal(layers(`${image}-again`), layers(image))
    mille.ok('run', '--rm', `${image}-again`, '/bin/true')
  }
})

test('a commit holds what the container changed, and nothing else', () => {
  const id = mille.ok('run', '-d', 'busybox', 'sh', '-c', 'echo one >/etc/one; mkdir /work; rm /bin/true')
  mille.ok('wait', id)
  assert.equal(mille.ok('diff', id), 'C /bin\nD /bin/true\nC /etc\nA /etc/one\nA /work')
  mille.ok('commit', '-m', 'a message', '-a', 'Ann', '-c', 'CMD ["cat", "/etc/one"]', id, 'changed')
  assert.equal(mille.ok('run', '--rm', 'changed'), 'one')
  assert.equal(mille.ok('run', '--rm', 'changed', 'ls', '-d', '/work'), '/work')
  assert.equal(mille.ok('image', 'inspect', '-f', '{{.Author}} {{.Comment}}', 'changed'), 'Ann a message')
})

test('what volumes hold is part of an image only when asked for (C13)', () => {
  const write = 'echo kept > /data/deep/file; chown 5:6 /data/deep/file; echo own > /own'
  const flags = ['--name', 'holder', '-v', '/data', '-v', '/other']
  mille.ok('run', ...flags, 'busybox', 'sh', '-c', `mkdir /data/deep; ${write}`)
  const look = (image: string): string =>
    mille.ok(
      'run',
      '--rm',
      image,
      'sh',
      '-c',
      'cat /own; ls -n /data/deep/file 2>/dev/null; cat /data/deep/file',
    )
  mille.ok('commit', 'holder', 'bare:1')
  assert.equal(mille.run(['run', '--rm', 'bare:1', 'ls', '/data/deep']).code, 1)
  mille.ok('commit', '--include-volumes', 'holder', 'full:1')
  assert.match(look('full:1'), /^own\n-rw-r--r-- +1 5 +6 .*\nkept$/)
  assert.match(mille.ok('history', 'full:1'), /volumes of the container/)
  mille.ok('rm', '-v', 'holder')
})

test('a socket is no part of an image: it is left out, with a word (B-BD-13)', async () => {
  const id = mille.ok('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000')
  const pid = mille.ok('inspect', '-f', '{{.State.Pid}}', id)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`/proc/${pid}/root/socket`, resolve))
  const { code, err } = mille.run(['commit', id, 'socketless'])
  server.close()
  assert.equal(code, 0)
  assert.equal(err, 'WARNING: socket: a socket cannot be part of a layer; left out\n')
  mille.ok('rm', '-f', id)
  assert.equal(mille.run(['run', '--rm', 'socketless', 'ls', '/socket']).code, 1)
})

test('an image runs when nothing but its tars are left of it, and on another snapshotter', () => {
  const id = mille.ok('run', '-d', 'busybox', 'touch', '/file')
  mille.ok('wait', id)
  mille.ok('commit', id, 'tars')
  mille.ok('rm', id)
  rmSync(join(mille.root, 'snapshots', 'chains'), { recursive: true })
  assert.equal(mille.ok('run', '--rm', 'tars', 'ls', '/file'), '/file')
  const run = mille.run(['run', '--rm', 'tars', 'ls', '/file'], { env: { MILLE_SNAPSHOTTER: 'unpacked' } })
  assert.equal(run.out, '/file\n', run.err)
})

test('ps shows the image by its name while that leads to it, top what ps -ef says', () => {
  mille.ok('tag', 'busybox', 'named')
  mille.ok('run', '-d', '--name', 'box', '--network', 'none', 'named', 'sleep', '1000')
  const shown = (): string => mille.ok('ps', '--format', '{{.Image}}')
  assert.equal(shown(), 'named')
  mille.ok('rmi', '-f', 'named')
  assert.equal(shown(), mille.ok('images', '-q', 'busybox'))
  assert.match(mille.ok('top', 'box'), /^UID +PID +PPID +C +STIME +TTY +TIME +CMD\nroot .* sleep 1000$/)
  mille.ok('rm', '-f', 'box')
})
