import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { utimensat } from '../../src/linux/at.ts'
import { currentFolder } from '../../src/linux/openat2.ts'
import type { Change, Snapshotter } from '../../src/store/snapshotter.ts'
import type { LayerEntry } from '../../src/store/store.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { layerBench, type LayerBench, unmountBelow } from '../support/layer-bench.ts'
import { applyAll, file, folder, link, marker, old } from '../support/layer-entries.ts'
import { describeTree } from '../support/tree.ts'

async function changesOf(snapshots: Snapshotter, key: string): Promise<string[]> {
  const all: Change[] = await Array.fromAsync(snapshots.changes(key))
  return all.map(({ kind, path }) => `${kind} ${path}`)
}

/** What every snapshotter must do. Called once per implementation by a test file. */
export function snapshotterContract(kind: Snapshotter['kind']): void {
  const contract = (name: string, run: (bench: LayerBench) => Promise<void>): void => {
    test(`${kind}: ${name}`, async () => {
      await using bench = layerBench(kind)
      assert.equal(bench.snapshots.kind, kind)
      await run(bench)
    })
  }

  contract('a stack shows upper over lower files, with whole metadata', async (bench) => {
    const chain = await applyAll(
      bench,
      [
        folder('', { mode: 0o751, mtime: 7n }),
        folder('etc', { uid: 3, gid: 4, mode: 0o2755 }),
        file('etc/a', 'lower a'),
        file('etc/b', 'lower b', {
          mode: 0o4711,
          uid: 1000,
          gid: 1001,
          xattrs: new Map([['user.k', Buffer.from('v')]]),
        }),
        link('etc/l', '/etc/b'),
        link('etc/h', 'etc/b', 'hardlink'),
      ],
      [file('etc/a', 'upper a')],
    )
    const view = await bench.snapshots.view('v', chain)
    assert.equal(view.writable, false)
    assert.equal(readFileSync(join(view.path, 'etc/a'), 'utf8'), 'upper a')
    const tree = describeTree(view.path)
    assert.equal(tree[0], '. 40751 0:0 7')
    assert.equal(tree[1], `etc 42755 3:4 ${String(old)}`)
    assert.match(tree.join('\n'), /^etc\/b 104711 1000:1001 1600000000123456789 7 \w+ user.k=76$/m)
    assert.match(tree.join('\n'), /^etc\/h 104711 .*= etc\/b$/m)
    assert.match(tree.join('\n'), /^etc\/l 120777 0:0 1600000000123456789 -> \/etc\/b$/m)
    // without mounts nothing can keep root from writing
    if (kind !== 'copy') assert.throws(() => writeFileSync(join(view.path, 'x'), ''))
  })

  contract('applying twice is one; has, chains and list tell', async (bench) => {
    const { diffId } = await bench.layers.write([file('a', '')])
    const [one, two] = await Promise.all([
      bench.snapshots.apply(diffId, undefined),
      bench.snapshots.apply(diffId, undefined),
    ])
    assert.equal(one, two)
    assert.equal(await bench.snapshots.has(one), true)
    const top = await bench.snapshots.apply(diffId, one)
    await bench.snapshots.prepare('k', top)
    assert.deepEqual(await bench.snapshots.list(), [{ key: 'k', parent: top }])
    assert.deepEqual(
      (await bench.snapshots.chains()).map(({ chain, parent }) => [chain, parent]).sort(),
      [
        [one, undefined],
        [top, one],
      ].sort(),
    )
  })

  contract('a large layer that is written for its parent is what it is when applied later', async (bench) => {
    const parent = await applyAll(bench, [
      folder('d', { mode: 0o1777 }),
      file('d/gone', ''),
      file('kept', ''),
    ])
    const content = Buffer.alloc(4 * 1024 * 1024, 'x')
    const large = (at: number, more: Partial<LayerEntry> = {}): LayerEntry =>
      file(`d/${at}`, '', { size: content.length, body: { kind: 'bytes', bytes: content }, ...more })
    const changes = [marker('d/gone'), link('other', 'kept', 'hardlink')]
    const first = [0, 1, 2, 3, 4, 5, 6].map((at) => large(at, { localMtime: old + BigInt(at) }))
    const { diffId } = await bench.snapshots.write([...first, ...changes], parent)
    const chain = await bench.snapshots.apply(diffId, parent)
    const { path } = await bench.snapshots.view('v', chain)
    const tree = describeTree(path)
    assert.match(tree.join('\n'), /^d 41777 /m)
    assert.match(tree.join('\n'), new RegExp(`^d/6 100644 0:0 ${String(old + 6n)} ${content.length} `, 'm'))
    assert.doesNotMatch(tree.join('\n'), /gone/)

    // the same bytes again, from files of another time: the layer keeps those it has
    const base = await applyAll(bench, [
      folder('d', { mode: 0o1777 }),
      file('d/gone', 'more'),
      file('kept', ''),
    ])
    const again = [0, 1, 2, 3, 4, 5, 6].map((at) => large(at, { localMtime: old - 1n }))
    assert.equal((await bench.snapshots.write([...again, ...changes], base)).diffId, diffId)
    const second = await bench.snapshots.apply(diffId, base)
    assert.deepEqual(describeTree((await bench.snapshots.view('w', second)).path), tree)
  })

  contract('layers hide files of lower ones', async (bench) => {
    const chain = await applyAll(
      bench,
      [
        folder('d'),
        file('d/gone', '1'),
        file('d/kept', '2'),
        folder('o'),
        file('o/below', ''),
        file('swap', 'file'),
      ],
      [
        marker('d/gone'),
        marker('no/such'),
        marker('o', 'opaque'),
        folder('o'),
        file('o/new', ''),
        folder('swap'),
        file('swap/in', ''),
      ],
    )
    const { path } = await bench.snapshots.view('v', chain)
    assert.deepEqual(readdirSync(join(path, 'd')), ['kept'])
    assert.deepEqual(readdirSync(join(path, 'o')), ['new'])
    assert.deepEqual(readdirSync(join(path, 'swap')), ['in'])
  })

  contract('markers hide what is below, never what the layer brings itself', async (bench) => {
    const chain = await applyAll(
      bench,
      [folder('d'), file('d/a', 'old'), folder('d/s'), file('d/s/x', '')],
      [
        marker('d/a'),
        file('d/a', 'new'),
        marker('d/s'),
        folder('d/s'),
        file('d/s/y', ''),
        file('d/z', ''),
        marker('d', 'opaque'),
      ],
    )
    const { path } = await bench.snapshots.view('v', chain)
    assert.equal(readFileSync(join(path, 'd/a'), 'utf8'), 'new')
    assert.deepEqual(readdirSync(join(path, 'd/s')), ['y'])
    assert.deepEqual(readdirSync(join(path, 'd')).sort(), ['a', 's', 'z'])
  })

  contract('parents that a layer does not list keep what they are below', async (bench) => {
    const chain = await applyAll(
      bench,
      [
        folder('', { mode: 0o700, uid: 5 }),
        folder('tmp', { mode: 0o1777, gid: 9, xattrs: new Map([['user.t', Buffer.from('1')]]) }),
      ],
      [file('tmp/x/y', 'deep')],
    )
    const tree = describeTree((await bench.snapshots.view('v', chain)).path)
    assert.equal(tree[0], `. 40700 5:0 ${String(old)}`)
    assert.equal(tree[1], `tmp 41777 0:9 ${String(old)} user.t=31`)
    assert.equal(tree[2], 'tmp/x 40755 0:0 0')
    const { path } = await bench.snapshots.prepare('p', chain)
    assert.equal(statSync(path).mode, 0o40700)
  })

  contract('a hard link into a lower layer is that file', async (bench) => {
    const chain = await applyAll(
      bench,
      [folder('bin'), file('bin/tool', 'tool', { mode: 0o755, uid: 7 })],
      [link('bin/alias', 'bin/tool', 'hardlink')],
    )
    const tree = describeTree((await bench.snapshots.view('v', chain)).path)
    assert.match(tree[2] ?? '', /^bin\/alias 100755 7:0 1600000000123456789 4 \w+$/)
    assert.match(tree[3] ?? '', /^bin\/tool 100755 7:0 1600000000123456789 4 \w+ = bin\/alias$/)
  })

  contract('paths through links of lower layers are resolved inside the root', async (bench) => {
    const chain = await applyAll(
      bench,
      [
        folder('run'),
        folder('var'),
        link('var/run', '/run'),
        link('up', '../../../run'),
        folder('a'),
        link('a/rel', '../var'),
      ],
      [file('var/run/pid', '1'), file('up/two', '2'), file('a/rel/run/three', '3')],
    )
    const { path } = await bench.snapshots.view('v', chain)
    assert.deepEqual(readdirSync(join(path, 'run')).sort(), ['pid', 'three', 'two'])
    assert.equal(statSync(join(path, 'var')).isDirectory(), true)
  })

  contract('devices, fifos and names that are not UTF-8', async (bench) => {
    const odd = `n\uDCFF\n\\x`
    const device = { major: 1, minor: 3 }
    const chain = await applyAll(bench, [
      { path: 'null', type: 'char', mode: 0o666, uid: 0, gid: 0, mtime: old, device },
      { path: 'pipe', type: 'fifo', mode: 0o600, uid: 0, gid: 0, mtime: old },
      file(odd, 'odd'),
    ])
    const { path } = await bench.snapshots.view('v', chain)
    const tree = describeTree(path)
    assert.match(tree.join('\n'), /^null 20666 0:0 \d+ 1,3$/m)
    assert.match(tree.join('\n'), /^pipe 10600/m)
    assert.ok(readdirSync(path, { encoding: 'latin1' }).includes('n\xff\n\\x'))
  })

  contract('a writable snapshot writes nowhere else; keys are taken once', async (bench) => {
    const chain = await applyAll(bench, [file('a', 'image')])
    const one = await bench.snapshots.prepare('one', chain)
    const two = await bench.snapshots.prepare('two', chain)
    writeFileSync(join(one.path, 'a'), 'changed')
    assert.equal(readFileSync(join(two.path, 'a'), 'utf8'), 'image')
    const taken = (error: unknown): boolean => isMilleError(error, 'SNAPSHOT_EXISTS')
    await assert.rejects(bench.snapshots.prepare('one', chain), taken)
    await assert.rejects(bench.snapshots.view('two', chain), taken)
    await assert.rejects(bench.snapshots.prepare('../x', chain), (error) =>
      isMilleError(error, 'INVALID_ARGUMENT'),
    )
    await assert.rejects(bench.snapshots.mount('none'), (error) => isMilleError(error, 'SNAPSHOT_NOT_FOUND'))
    await bench.snapshots.remove('one')
    assert.equal(existsSync(one.path), false)
    await assert.rejects(bench.snapshots.remove('one'), (error) => isMilleError(error, 'SNAPSHOT_NOT_FOUND'))
    const again = await bench.snapshots.prepare('one', chain)
    assert.equal(readFileSync(join(again.path, 'a'), 'utf8'), 'image')
  })

  contract('a short-lived one is mounted again, also when its mount was cut off', async (bench) => {
    const { path } = await bench.snapshots.prepare('short', undefined, { shortLived: true })
    writeFileSync(join(path, 'file'), 'kept')
    await bench.snapshots.unmount('short')
    const again = await bench.snapshots.mount('short')
    assert.equal(readFileSync(join(again.path, 'file'), 'utf8'), 'kept')
    assert.deepEqual(await changesOf(bench.snapshots, 'short'), ['A /file'])
  })

  contract('an empty root; usage counts the writable part alone', async (bench) => {
    const { path } = await bench.snapshots.prepare('scratch', undefined)
    assert.deepEqual(readdirSync(path), [])
    const empty = await bench.snapshots.usage('scratch')
    writeFileSync(join(path, 'big'), Buffer.alloc(100_000, 1))
    const used = await bench.snapshots.usage('scratch')
    assert.ok(used.bytes - empty.bytes >= 100_000 && used.bytes - empty.bytes < 120_000)
    assert.equal(used.inodes - empty.inodes, 1)
    assert.deepEqual(await changesOf(bench.snapshots, 'scratch'), ['A /big'])
  })

  contract('changes as docker diff tells them', async (bench) => {
    const chain = await applyAll(bench, [
      folder('etc'),
      file('etc/conf', '1'),
      file('etc/gone', ''),
      folder('var'),
      folder('var/lib'),
      file('var/lib/f', ''),
      folder('opt'),
      file('opt/x', ''),
      file('opt/y', ''),
      folder('mode'),
      folder('same'),
      file('same/s', ''),
    ])
    const { path } = await bench.snapshots.prepare('k', chain)
    assert.deepEqual(await changesOf(bench.snapshots, 'k'), [])
    writeFileSync(join(path, 'etc/conf'), '22')
    rmSync(join(path, 'etc/gone'))
    writeFileSync(join(path, 'var/lib/new'), '')
    rmSync(join(path, 'opt'), { recursive: true })
    mkdirSync(join(path, 'opt'))
    writeFileSync(join(path, 'opt/y'), 'y')
    chmodSync(join(path, 'mode'), 0o700)
    mkdirSync(join(path, 'fresh'))
    writeFileSync(join(path, 'fresh/f'), '')
    assert.deepEqual(await changesOf(bench.snapshots, 'k'), [
      'C /etc',
      'C /etc/conf',
      'D /etc/gone',
      'A /fresh',
      'A /fresh/f',
      'C /mode',
      'C /opt',
      'D /opt/x',
      'A /opt/y',
      'C /var',
      'C /var/lib',
      'A /var/lib/new',
    ])
  })

  contract('what ends as it was is no change; other bytes with the old size and time are', async (bench) => {
    const names = ['mode', 'opened', 'rewritten', 'swapped', 'linked', 'kept']
    const chain = await applyAll(bench, [folder('d'), ...names.map((name) => file(`d/${name}`, 'text'))])
    const { path } = await bench.snapshots.prepare('k', chain)
    const inside = (name: string): string => join(path, 'd', name)
    chmodSync(inside('mode'), statSync(inside('mode')).mode & 0o7777)
    closeSync(openSync(inside('opened'), 'r+'))
    for (const [name, text] of [
      ['rewritten', 'text'],
      ['swapped', 'TEXT'],
    ] as const) {
      writeFileSync(inside(name), text)
      utimensat(currentFolder, inside(name), old, old)
    }
    assert.deepEqual(await changesOf(bench.snapshots, 'k'), ['C /d', 'C /d/swapped'])
    linkSync(inside('linked'), inside('name'))
    rmSync(inside('name'))
    linkSync(inside('linked'), join(path, 'name'))
    assert.deepEqual(await changesOf(bench.snapshots, 'k'), [
      'C /d',
      'C /d/linked',
      'C /d/swapped',
      'A /name',
    ])
  })

  contract('a folder made anew hides all of the old one, and holds all of its own', async (bench) => {
    const chain = await applyAll(bench, [folder('d'), file('d/a', 'a'), folder('d/s'), file('d/s/x', 'x')])
    const { path } = await bench.snapshots.prepare('k', chain)
    renameSync(join(path, 'd/a'), join(path, 'a'))
    rmSync(join(path, 'd'), { recursive: true })
    mkdirSync(join(path, 'd/s'), { recursive: true })
    renameSync(join(path, 'a'), join(path, 'd/a'))
    assert.deepEqual(await changesOf(bench.snapshots, 'k'), ['C /d', 'A /d/a', 'A /d/s'])
    const commit = await bench.snapshots.commit('k')
    assert.ok(commit !== undefined)
    const layer = readFileSync(bench.layers.tarPath(commit.layer.diffId)).toString('latin1')
    assert.match(layer, /d\/\.wh\.\.wh\.\.opq/)
    const { path: shown } = await bench.snapshots.view('v', commit.chain)
    assert.deepEqual(readdirSync(join(shown, 'd'), { recursive: true }).sort(), ['a', 's'])
  })

  contract('a committed snapshot shows the same tree as the snapshot did', async (bench) => {
    const chain = await applyAll(bench, [
      folder('etc', { mode: 0o711 }),
      file('etc/conf', '1'),
      file('etc/gone', ''),
      folder('opt'),
      file('opt/x', ''),
    ])
    const { path } = await bench.snapshots.prepare('k', chain)
    writeFileSync(join(path, 'etc/conf'), '22')
    rmSync(join(path, 'etc/gone'))
    rmSync(join(path, 'opt'), { recursive: true })
    mkdirSync(join(path, 'opt'))
    writeFileSync(join(path, 'opt/new'), 'n')
    linkSync(join(path, 'opt/new'), join(path, 'opt/other'))
    symlinkSync('/etc/conf', join(path, 'sym'))
    const server = createServer().listen(join(path, 'sock'))
    const layer = await bench.snapshots.commit('k', { timestamps: 'preserve' })
    server.close()
    rmSync(join(path, 'sock'), { force: true })
    assert.ok(layer !== undefined)
    assert.equal(bench.warnings.length, 1)
    const committed = describeTree((await bench.snapshots.view('v', layer.chain)).path)
    const live = describeTree(path)
    assert.deepEqual(committed.slice(1), live.slice(1))
    assert.equal(existsSync(join(path, 'opt/new')), true)
    const clean = await bench.snapshots.prepare('clean', layer.chain)
    assert.deepEqual(await changesOf(bench.snapshots, 'clean'), [])
    assert.equal(await bench.snapshots.commit('clean'), undefined)
    assert.equal(statSync(clean.path).mode, statSync(path).mode)
  })

  contract('new times become the constant in the tar, and stay true on this machine', async (bench) => {
    const chain = await applyAll(bench, [file('old', '')])
    const since = BigInt(Date.now()) * 1_000_000n
    const { path } = await bench.snapshots.prepare('k', chain)
    writeFileSync(join(path, 'made'), 'x')
    const commit = await bench.snapshots.commit('k', { since, epoch: 1000 })
    assert.ok(commit !== undefined)
    const tar = readFileSync(bench.layers.tarPath(commit.layer.diffId))
    assert.equal(tar.toString('latin1', 136, 147), '00000001750')
    const view = await bench.snapshots.view('v', commit.chain)
    assert.equal(statSync(join(view.path, 'made')).mtimeMs, statSync(join(path, 'made')).mtimeMs)
  })

  contract('after a reboot (nothing mounted) mount brings a snapshot back', async (bench) => {
    const chain = await applyAll(bench, [file('a', 'a')], [file('b', 'b')])
    const { path } = await bench.snapshots.prepare('k', chain)
    writeFileSync(join(path, 'c'), 'c')
    unmountBelow(bench.root)
    const reopened = bench.reopen()
    const again = await reopened.mount('k')
    assert.deepEqual(readdirSync(again.path).sort(), ['a', 'b', 'c'])
    await reopened.unmount('k')
    await reopened.mount('k')
    assert.equal(readFileSync(join(again.path, 'c'), 'utf8'), 'c')
  })

  contract('removed chains are gone at once; what shares their data stays', async (bench) => {
    const { diffId } = await bench.layers.write([file('a', 'a')])
    const other = await bench.layers.write([file('b', 'b')])
    const base = await bench.snapshots.apply(diffId, undefined)
    const top = await bench.snapshots.apply(other.diffId, base)
    const third = await bench.snapshots.apply(other.diffId, top)
    const { path } = await bench.snapshots.view('v', top)
    const removing = bench.snapshots.removeChains([third])
    assert.equal(await bench.snapshots.has(third), false)
    await removing
    assert.deepEqual(readdirSync(path).sort(), ['a', 'b'])
    await bench.snapshots.remove('v')
    await bench.snapshots.removeChains([top, base])
    assert.deepEqual(await bench.snapshots.chains(), [])
    await assert.rejects(bench.snapshots.view('w', top), (error) => isMilleError(error, 'CHAIN_NOT_FOUND'))
    const again = await bench.snapshots.apply(diffId, undefined)
    assert.equal(again, base)
    // the data went with the records
    const data = { erofs: 'erofs', unpacked: 'unpacked', copy: 'copied' }[kind]
    assert.equal(readdirSync(join(bench.root, 'snapshots', data)).length, 1)
  })

  contract('130 layers', async (bench) => {
    const stack = Array.from({ length: 130 }, (_, index) => [
      file(`f${String(index)}`, String(index)),
      file('top', String(index)),
    ])
    const chain = await applyAll(bench, ...stack)
    const { path } = await bench.snapshots.prepare('k', chain)
    assert.equal(readdirSync(path).length, 131)
    assert.equal(readFileSync(join(path, 'top'), 'utf8'), '129')
  })
}
