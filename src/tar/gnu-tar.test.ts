import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { decodeBytes } from '../util/byte-string.ts'
import type { TarEntry } from './entry.ts'
import { readTar } from './read-tar.ts'
import { writeTar, type TarSource } from './writer.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mille-tar-'))
})
after(() => rm(folder, { recursive: true, force: true }))

const sh = (script: string): string => execFileSync('sh', ['-euc', script], { cwd: folder, encoding: 'utf8' })

async function read(
  path: string,
): Promise<Map<string, { readonly entry: TarEntry; readonly bytes: Buffer }>> {
  const found = new Map<string, { readonly entry: TarEntry; readonly bytes: Buffer }>()
  for await (const { entry, body } of readTar(createReadStream(join(folder, path))))
    found.set(entry.path, { entry, bytes: await buffer(body) })
  return found
}

test('what GNU tar writes is read: every format, links, devices, times, attributes, sparse files', async () => {
  const long = `${'n'.repeat(90)}/${'m'.repeat(200)}`
  sh(`mkdir in in/${'n'.repeat(90)}; cd in; echo hello >f; ln f h; ln -s ${'t'.repeat(150)} l
    echo long >${long}; mknod c c 1 3; mkfifo p; chown 3000000:4000000 f; chmod 6751 f
    touch -d '2001-02-03 04:05:06.789012345' f; setfattr -n user.k -v v f
    truncate -s 300000 s; printf abc | dd of=s bs=1 seek=100000 conv=notrunc status=none; truncate -s 300001 s`)
  const expected = Buffer.alloc(300_001)
  expected.write('abc', 100_000)
  const variants = [
    '--format=gnu',
    '--format=posix --xattrs',
    '--format=posix --sparse-version=0.0',
    '--format=posix --sparse-version=0.1',
  ]
  for (const options of variants) {
    sh(`tar -C in -S --sort=name ${options} -cf x.tar .`)
    const found = await read('x.tar')
    const at = (path: string): TarEntry =>
      found.get(`./${path}`)?.entry ?? assert.fail(`${options}: no ${path}`)
    assert.deepEqual([at('f').uid, at('f').gid, at('f').mode], [3_000_000, 4_000_000, 0o6751])
    const nanoseconds = options.includes('posix') ? 789_012_345n : 0n
    assert.equal(at('f').mtime, 981_173_106n * 1_000_000_000n + nanoseconds)
    assert.deepEqual([at('h').type, at('h').linkTarget], ['hardlink', './f'])
    assert.equal(at('l').linkTarget, 't'.repeat(150))
    assert.deepEqual([at('c').type, at('c').device], ['char', { major: 1, minor: 3 }])
    assert.equal(at('p').type, 'fifo')
    assert.equal(found.get(`./${long}`)?.bytes.toString(), 'long\n')
    assert.ok(at('s').sparse !== undefined && at('s').storedSize < 20_000, options)
    assert.ok(found.get('./s')?.bytes.equals(expected), options)
    if (options.includes('xattrs'))
      assert.equal(Buffer.from(at('f').xattrs?.get('user.k') ?? []).toString(), 'v')
  }
  for (const format of ['v7', 'ustar']) {
    sh(`tar -C in --format=${format} --exclude=[clp] --exclude=m* --exclude=f --exclude=h -cf x.tar .`)
    assert.deepEqual((await read('x.tar')).get('./s')?.bytes, expected)
  }
})

test('what we write GNU tar extracts: content, modes, owners, times, links, devices, attributes', async () => {
  const common = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000_123_456_789n } as const
  const deep = `${'n'.repeat(150)}/${'m'.repeat(200)}`
  const xattrs = new Map([
    ['user.a', Buffer.from('1')],
    ['user.z=%', Buffer.from('2')],
  ])
  const odd = decodeBytes(Buffer.from([0x6f, 0xff]))
  const sources: TarSource[] = [
    { header: { ...common, path: 'n'.repeat(150), type: 'directory', mode: 0o1777 } },
    {
      header: { ...common, path: deep, type: 'file', mode: 0o4755, uid: 3_000_000, gid: 7, size: 5, xattrs },
      body: Buffer.from('hello'),
    },
    { header: { ...common, path: 'hard', type: 'hardlink', linkTarget: deep } },
    { header: { ...common, path: 'soft', type: 'symlink', linkTarget: 't'.repeat(150) } },
    { header: { ...common, path: 'dev', type: 'char', device: { major: 200, minor: 70_000 } } },
    { header: { ...common, path: odd, type: 'fifo' } },
  ]
  await pipeline(writeTar(sources), createWriteStream(join(folder, 'ours.tar')))
  sh('mkdir out; tar --xattrs --xattrs-include=* -C out -xf ours.tar')
  assert.equal(sh(`cat out/${deep}`), 'hello')
  assert.equal(sh(`stat -c '%a %u %g %h %.9Y' out/${deep}`), '4755 3000000 7 2 1700000000.123456789\n')
  assert.equal(
    sh(`stat -c '%a' out/${'n'.repeat(150)}; readlink out/soft; stat -c '%t:%T' out/dev`),
    `1777\n${'t'.repeat(150)}\nc8:11170\n`,
  )
  assert.match(sh(`getfattr -d out/hard`), /user\.a="1"\nuser\.z\\075%="2"\n/)
  assert.equal(sh(String.raw`stat -c %F "$(printf 'out/o\377')"`), 'fifo\n')
})
