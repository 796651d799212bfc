import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
let folder: string

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const made =
    'mkdir -p /d/e; echo inside >/d/e/f; ln -s e /d/l; ln -s /etc/passwd /d/abs; mkfifo /d/fifo; ln /d/e/f /d/hard'
  mille.ok('run', '--name', 'cc', '-v', 'data:/v', 'busybox', 'sh', '-c', made)
  folder = join(mille.root, 'outside')
  mkdirSync(join(folder, 'b'), { recursive: true })
  writeFileSync(join(folder, 'b/f'), 'outside\n')
})
after(() => mille[Symbol.dispose]())

const at = (name: string): string => join(folder, name)
const text = (name: string): string => readFileSync(at(name), 'utf8')

test('out of a stopped container: a folder, its content, a file, a link and what it leads to', () => {
  mille.ok('cp', 'cc:/d', at('new'))
  assert.deepEqual(readdirSync(at('new')).sort(), ['abs', 'e', 'hard', 'l'])
  mkdirSync(at('there'))
  mille.ok('cp', 'cc:/d/.', at('there'))
  assert.equal(text('there/e/f'), 'inside\n')
  mille.ok('cp', 'cc:/d/e/f', at('file'))
  assert.equal(text('file'), 'inside\n')
  mille.ok('cp', 'cc:/d/abs', at('link'))
  assert.equal(readlinkSync(at('link')), '/etc/passwd')
  mille.ok('cp', '-L', 'cc:/d/abs', at('passwd'))
  assert.match(text('passwd'), /^root:x:0:0:/)
})

test('as a tar stream, both ways', () => {
  const { out } = mille.run(['cp', 'cc:/d/e', '-'])
  assert.equal(spawnSync('tar', ['tf', '-'], { input: out }).stdout.toString(), 'e/\ne/f\n')
  const tar = spawnSync('tar', ['cf', '-', '-C', folder, 'b']).stdout
  assert.equal(mille.run(['cp', '-', 'cc:/tmp'], { input: tar }).code, 0)
  const back = mille.run(['cp', 'cc:/tmp/b/f', '-'])
  assert.equal(spawnSync('tar', ['xOf', '-'], { input: back.out }).stdout.toString(), 'outside\n')
})

test('a tar without its folders, with absolute names: they are made below the target, never outside it', () => {
  const made = `umask 0; mkdir -m 2777 /n; mkdir /in; chgrp 5 /n; ln -s ${folder} /in/away; ln -s ../root /in/up`
  mille.ok('run', '--name', 'nd', 'busybox', 'sh', '-c', made)
  const cp = (target: string, prefix: string) => {
    const options = ['--owner=7', `--transform=s,^,${prefix}/,`, '-C', folder, 'b/f']
    const input = spawnSync('tar', ['cPf', '-', ...options]).stdout
    return mille.run(['cp', '-a', '-', `nd:${target}`], { input })
  }
  assert.equal(cp('/n', 'aa').err, '')
  assert.equal(cp('/n', '/abs/x').err, '')
  const input = mille.run(['cp', 'nd:/n', '-']).out
  const listed = spawnSync('tar', ['tvf', '-', '--numeric-owner'], { input }).stdout.toString()
  const members = listed.split('\n').map((line) => line.split(/ +/))
  const modes = Object.fromEntries(members.map(([mode, owner, , , , name]) => [name, `${mode} ${owner}`]))
  for (const path of ['n/aa/', 'n/aa/b/', 'n/abs/', 'n/abs/x/b/'])
    assert.equal(modes[path], 'drwxr-xr-x 0/0', path)
  assert.match(modes['n/aa/b/f'] ?? '', / 7\/0$/)
  assert.match(modes['n/abs/x/b/f'] ?? '', / 7\/0$/)
  // a link on the way leads inside the container's root; what one to nowhere names is not made
  assert.match(cp('/in', 'away/n').err, /away: file exists/)
  assert.equal(existsSync(at('n')), false)
  assert.equal(cp('/in', 'up/n').err, '')
  mille.ok('cp', 'nd:/root/n/b/f', at('through-link'))
  assert.equal(text('through-link'), 'outside\n')
})

test('into a stopped container, a volume below a mount point, and a running one', () => {
  mille.ok('cp', at('b'), 'cc:/fresh')
  mille.ok('cp', at('b/f'), 'cc:/v/in-volume')
  mille.ok('cp', 'cc:/v/in-volume', at('from-volume'))
  assert.equal(text('from-volume'), 'outside\n')
  mille.ok('run', '-d', '--name', 'rr', '-v', 'data:/v', 'busybox', 'sleep', '1000')
  mille.ok('cp', at('b'), 'rr:/v/x')
  assert.equal(mille.ok('exec', 'rr', 'cat', '/v/x/f', '/v/in-volume'), 'outside\noutside')
  mille.ok('cp', 'rr:/v/x/f', at('from-running'))
  assert.equal(text('from-running'), 'outside\n')
  mille.ok('rm', '-f', 'rr')
  assert.equal(
    mille.run(['cp', at('b/f'), 'cc:/nodir/x']).err,
    'Error response from daemon: Could not find the file /nodir in container cc\n',
  )
})
