import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'
import { runMille } from '../support/kill-sweep.ts'

let mille: TestMille
let registry: StartedRegistry
let name: string
let layer: string

before(async () => {
  mille = testMille()
  registry = await startRegistry()
  name = `${registry.host}/box:1`
  {
    await using store = await openStore(mille.root)
    const image = await makeBusyboxImage(store, `${registry.host}/box:1`)
    layer = (image.config.rootfs.diff_ids[0] ?? '').slice('sha256:'.length)
  }
  assert.equal((await runMille(mille.root, ['push', name])).code, 0)
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
})

const blob = (): string => join(mille.root, 'blobs/sha256', layer)

function flip(path: string, at: number = 700_000): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(
    file,
    byte.map((value) => value ^ 0x55),
    0,
    1,
    at,
  )
  closeSync(file)
}

const runs = (): ReturnType<TestMille['run']> => mille.run(['run', '--rm', '--network', 'none', name, 'true'])

for (const [what, damage] of Object.entries<(path: string) => void>({
  'one byte changed': flip,
  'cut short': (path) => truncateSync(path, 1000),
  empty: (path) => truncateSync(path, 0),
  'a folder': (path) => {
    rmSync(path)
    mkdirSync(path)
  },
  'a fifo': (path) => {
    rmSync(path)
    execFileSync('mkfifo', [path])
  },
  'a link': (path) => {
    rmSync(path)
    symlinkSync('/etc/passwd', path)
  },
  'another blob': (path) => {
    rmSync(path)
    writeFileSync(path, 'other')
  },
  gone: (path) => rmSync(path),
}))
  test(`B-ST-7 a layer that is ${what}: named by check, mended by a pull`, async () => {
    damage(blob())
    const { code, out } = mille.run(['check'])
    assert.equal(code, 1)
    assert.match(
      out,
      new RegExp(`^BLOB_(DAMAGED|MISSING) sha256:${layer}: .*image ${name.replaceAll('.', '\\.')}`, 'm'),
    )
    mille.run(['check', '--repair'])
    assert.equal((await runMille(mille.root, ['pull', name])).code, 0)
    assert.equal(mille.ok('check'), 'The store is sound.')
    assert.deepEqual(runs(), { code: 0, out: '', err: '' })
  })

test('B-ST-6 a damaged layer is not saved: the reason is given, no file appears', () => {
  mille.ok('build', '-t', 'own:1', context())
  const [, own = ''] =
    /([0-9a-f]{64})\D*$/.exec(mille.ok('image', 'inspect', '--format', '{{.RootFS.Layers}}', 'own:1')) ?? []
  const path = join(mille.root, 'blobs/sha256', own)
  truncateSync(path, 600)
  const tar = join(mille.root, 'out.tar')
  const { code, err } = mille.run(['save', '-o', tar, 'own:1'])
  assert.equal(code, 1)
  assert.match(err, new RegExp(`^Error response from daemon: blob sha256:${own} is damaged.*\n$`))
  assert.ok(!readdirSync(mille.root).some((one) => one.includes('out.tar') || one.includes('.tmp')))
  mille.ok('build', '-t', 'own:1', context())
  mille.ok('save', '-o', tar, 'own:1')
  assert.equal(mille.ok('check'), 'The store is sound.')
})

function context(): string {
  const folder = join(mille.root, 'context')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${name}\nCOPY a /a\n`)
  writeFileSync(join(folder, 'a'), 'a')
  return folder
}

test('B-ST-7 one byte changed anywhere in a layer’s index: named by check, made again after repair', () => {
  runs()
  const indexes = join(mille.root, 'snapshots/erofs')
  const index = join(indexes, `${layer}.erofs`)
  const size = statSync(index).size
  for (const at of [1024, 1030, 1072, 1080, 1500, size >> 1, size - 1]) {
    flip(index, at)
    const { code, out } = mille.run(['check'])
    assert.equal(code, 1, `byte ${String(at)}`)
    assert.match(out, new RegExp(`^INDEX_DAMAGED sha256:${layer}: .*; image ${name.replaceAll('.', '\\.')}`))
    assert.match(mille.run(['check', '--repair']).out, /the next use makes them again/)
    assert.equal(mille.ok('check'), 'The store is sound.')
    assert.deepEqual(runs(), { code: 0, out: '', err: '' })
    assert.equal(statSync(index).size, size)
  }
})

test('a layer that lacks only its index, or the layer below a container’s own, is made again', () => {
  const indexes = join(mille.root, 'snapshots/erofs')
  const [first] = readdirSync(indexes)
  assert.ok(first)
  for (const harm of [
    () => readdirSync(indexes).forEach((one) => rmSync(join(indexes, one))),
    () => readdirSync(indexes).forEach((one) => truncateSync(join(indexes, one), 0)),
    () => {
      const own = readdirSync(join(mille.root, 'blobs/sha256')).filter((one) => one !== layer)
      for (const one of own)
        if (isTar(join(mille.root, 'blobs/sha256', one))) rmSync(join(mille.root, 'blobs/sha256', one))
    },
  ]) {
    harm()
    assert.deepEqual(runs(), { code: 0, out: '', err: '' })
  }
})

/** Of an uncompressed layer, by the magic of its first header. */
function isTar(path: string): boolean {
  return execFileSync('head', ['-c', '263', path]).subarray(257).toString().startsWith('ustar')
}

test('B-ST-9 a damaged database is refused with a clear line, and nothing is deleted; a cut WAL is fine', () => {
  const path = join(mille.root, 'mille.db')
  umount(mille.root)
  const kept = join(mille.root, 'kept.db')
  copyFileSync(path, kept)
  const before = readdirSync(join(mille.root, 'blobs/sha256'))
  for (const harm of [
    () => truncateSync(path, 0),
    () => truncateSync(path, 5000),
    () => writeFileSync(path, Buffer.alloc(8192)),
    () => rmSync(path),
  ]) {
    harm()
    for (const args of [['image', 'ls'], ['system', 'prune', '-af'], ['check']]) {
      const { code, err } = mille.run(args)
      assert.equal(code, 1, args.join(' '))
      assert.match(err, /^Error response from daemon: the store .*\n$/)
    }
    assert.deepEqual(readdirSync(join(mille.root, 'blobs/sha256')), before)
    for (const extra of ['', '-wal', '-shm']) rmSync(`${path}${extra}`, { force: true })
    copyFileSync(kept, path)
  }
  writeFileSync(`${path}-wal`, Buffer.alloc(100, 7))
  // how many images the log held alone depends on when it was last emptied
  assert.match(mille.ok('image', 'ls', '-q'), /^[0-9a-f]{12}$/m)
})
