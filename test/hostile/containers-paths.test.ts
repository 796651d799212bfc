import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
const top = mkdtempSync(join(tmpdir(), 'mille-hostile-'))
/** A folder of the host that no container has. */
const outside = join(top, 'outside')
/** Where `cp` puts what it copies. */
const taken = join(top, 'taken')

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
beforeEach(() => {
  for (const folder of [outside, taken]) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
  }
  writeFileSync(join(outside, 'key'), 'secret')
})
after(() => {
  mille[Symbol.dispose]()
  rmSync(top, { recursive: true })
})

function outsideIsAsBefore(): void {
  assert.deepEqual(readdirSync(outside), ['key'])
  assert.equal(readFileSync(join(outside, 'key'), 'utf8'), 'secret')
}

function build(name: string, ...lines: readonly string[]): void {
  const input = ['FROM busybox', ...lines].join('\n')
  const { code, err } = mille.run(['build', '-q', '-t', name, '-'], { input })
  assert.equal(code, 0, err)
}

/** Every file below the folder as text; Node's own recursive readdir would follow links. */
function contents(folder: string): string {
  const texts = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return contents(path)
    return entry.isFile() ? readFileSync(path, 'utf8') : ''
  })
  return texts.join('\n')
}

test('C-R2 a VOLUME that is a link out of the image copies nothing of the host into the volume (CVE-2022-23648)', () => {
  build(
    'r2',
    `RUN ln -s ${outside} /data && ln -s ../../../../../../../..${outside} /up`,
    'VOLUME /data /up/../up',
  )
  const look = 'ls -R /data/ /up/ 2>/dev/null; echo mine > /data/key; echo mine > /up/key; true'
  mille.run(['run', '--name', 'filled', 'r2', 'sh', '-c', look])
  outsideIsAsBefore()
  const volumes = mille.ok('inspect', '-f', '{{range .Mounts}}{{.Source}} {{end}}', 'filled').split(' ')
  for (const volume of volumes.filter((path) => path.startsWith('/')))
    assert.doesNotMatch(contents(volume), /secret/)
  mille.ok('rm', '-fv', 'filled')
})

test('C-R4 mount targets that lead out of the image by links are made inside it', () => {
  build('r4', `RUN ln -s ${outside} /link`)
  mille.ok('volume', 'create', 'r4')
  for (const mount of ['r4:/link/made', `${taken}:/link/made`, `${taken}:/link/../link/key`])
    mille.run(['run', '--rm', '-v', mount, 'r4', 'sh', '-c', 'echo in > /link/made/file'])
  mille.run(['run', '--rm', '--tmpfs', '/link/made', '-w', '/link/work', 'r4', 'true'])
  outsideIsAsBefore()
})

for (const state of ['stopped', 'running'] as const) {
  test(`C-R9 cp of a ${state} container follows no link out of it (CVE-2018-15664)`, () => {
    const script = `ln -s ${outside} /link; ln -s ${outside}/key /file; mkdir /deep; ln -s ../../../../../../../..${outside} /deep/up; touch /done; exec sleep 1000`
    mille.ok('run', '-d', '--name', 'r9', 'busybox', 'sh', '-c', script)
    const wait = 'for i in $(seq 400); do [ -e /done ] && exit; sleep 0.05; done; exit 1'
    mille.ok('exec', 'r9', 'sh', '-c', wait)
    if (state === 'stopped') mille.ok('stop', '-t', '0', 'r9')
    for (const path of [
      '/link',
      '/link/',
      '/link/.',
      '/link/key',
      '/file',
      '/deep',
      '/deep/up/key',
      '/deep/up/.',
    ])
      for (const flags of [[], ['-L']]) mille.run(['cp', ...flags, `r9:${path}`, taken])
    assert.doesNotMatch(contents(taken), /secret/)
    writeFileSync(join(taken, 'key'), 'mine')
    for (const path of ['/link', '/link/', '/link/new', '/file', '/deep/up/key'])
      for (const flags of [[], ['-L']]) mille.run(['cp', ...flags, join(taken, 'key'), `r9:${path}`])
    outsideIsAsBefore()
    mille.ok('rm', '-f', 'r9')
  })
}

test('C-R9 links that are swapped while cp runs lead nowhere (CVE-2018-15664)', () => {
  const script = `mkdir /a; echo in > /a/key; ln -s ${outside} /b; while true; do mv /a /c; mv /b /a; mv /a /b; mv /c /a; done`
  mille.ok('run', '-d', '--name', 'race', 'busybox', 'sh', '-c', script)
  writeFileSync(join(top, 'mine'), 'mine')
  for (let round = 0; round < 8; round++) {
    mille.run(['cp', 'race:/a/key', join(taken, `file${round}`)])
    mille.run(['cp', '-L', 'race:/a', join(taken, `folder${round}`)])
    mille.run(['cp', join(top, 'mine'), 'race:/a/key'])
    mille.run(['cp', join(top, 'mine'), 'race:/a/'])
  }
  assert.doesNotMatch(contents(taken), /secret/)
  outsideIsAsBefore()
  mille.ok('rm', '-f', 'race')
})

test('C-R9 nothing of the container is loaded or run by cp (CVE-2019-14271)', () => {
  const planted = ['sh', 'tar', 'xz', 'gzip', 'zstd', 'busybox', 'mille', 'node', 'id', 'getent']
  const trap = `#!/bin/sh\\ntouch ${outside}/ran`
  const script = `mkdir -p /usr/bin /lib; for n in ${planted.join(' ')}; do printf '${trap}' > /usr/bin/$n; chmod 755 /usr/bin/$n; done; printf 'not a library' > /lib/libnss_files.so.2; touch /done; exec sleep 1000`
  mille.ok('run', '-d', '--name', 'trap', 'busybox', 'sh', '-c', script)
  mille.ok('exec', 'trap', '/bin/busybox', 'sh', '-c', 'until [ -e /done ]; do sleep 0.05; done')
  mille.ok('cp', 'trap:/usr/bin', taken)
  writeFileSync(join(top, 'file'), 'x')
  mille.ok('cp', join(top, 'file'), 'trap:/usr/')
  outsideIsAsBefore()
  mille.ok('rm', '-f', 'trap')
})

test('C-R14 links in a volume lead nowhere when files are put into it', () => {
  mille.ok('volume', 'create', 'r14')
  mille.ok('run', '--rm', '-v', 'r14:/v', 'busybox', 'ln', '-s', outside, '/v/link')
  mille.ok('create', '--name', 'r14', '-v', 'r14:/v', 'busybox', 'true')
  writeFileSync(join(taken, 'key'), 'mine')
  for (const path of ['/v/link', '/v/link/', '/v/link/key', '/v/link/new'])
    mille.run(['cp', join(taken, 'key'), `r14:${path}`])
  outsideIsAsBefore()
  mille.ok('rm', 'r14')
})

test('C-R7, C-R8 a process has the groups of its user and no inheritable capabilities, by run and exec', () => {
  mille.ok('run', '-d', '--name', 'r7', '--user', '1234:5678', 'busybox', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'r8', '--privileged', 'busybox', 'sleep', '1000')
  const look = 'grep -E "^(Groups|CapInh|CapAmb):" /proc/self/status'
  const seen = [
    ...mille.ok('run', '--rm', '--user', '1234:5678', 'busybox', 'sh', '-c', look).split('\n'),
    ...mille.ok('exec', 'r7', 'sh', '-c', look).split('\n'),
    ...mille.ok('exec', 'r8', 'sh', '-c', look).split('\n'),
    ...mille.ok('exec', '--privileged', 'r7', 'sh', '-c', look).split('\n'),
  ]
  for (const line of seen.filter((one) => one.startsWith('Cap'))) assert.match(line, /^Cap(Inh|Amb):\s0+$/)
  assert.deepEqual(
    seen.filter((one) => one.startsWith('Groups')).map((line) => line.replace(/^Groups:\s*/, '').trim()),
    ['5678', '5678', '0', '5678'],
  )
  mille.ok('rm', '-f', 'r7', 'r8')
})

test('C-R10 a container in the host’s network finds no abstract socket of mille (CVE-2020-15257)', () => {
  mille.ok('run', '-d', '--name', 'r10', '-t', 'busybox', 'sleep', '1000')
  const names = mille.ok('run', '--rm', '--network', 'host', 'busybox', 'cat', '/proc/net/unix')
  assert.doesNotMatch(names, /@.*(mille|conmon|crun|runc|aardvark)/)
  mille.ok('rm', '-f', 'r10')
})
