import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { imageOutput } from '../../src/builder/export/output.ts'
import type { BuildRequest, BuildResult } from '../../src/builder/build.ts'
import { getXattr, setXattr } from '../../src/linux/xattr.ts'
import { chainIdOf, diffIdAsDigest } from '../../src/oci/digest.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { TestBuilder } from '../support/open-builder.ts'
import { openTestBuilder } from '../support/open-builder.ts'

let tool: TestBuilder
let context: string
let snapshots = 0

before(async () => {
  tool = await openTestBuilder()
  context = mkdtempSync(join(tmpdir(), 'mille-context-'))
})
after(async () => {
  rmSync(context, { recursive: true })
  await tool[Symbol.asyncDispose]()
})

function write(path: string, text: string | Buffer): void {
  mkdirSync(dirname(join(context, path)), { recursive: true })
  writeFileSync(join(context, path), text)
}

async function build(dockerfile: string, options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  const text = { kind: 'text', text: dockerfile } as const
  return await tool.build({ context: { kind: 'folder', path: context }, dockerfile: text, ...options })
}

/** Looks into the files of a built image. */
async function inImage(result: BuildResult, look: (root: string) => void): Promise<void> {
  const key = `look-${snapshots++}`
  const diffIds = tool.store.images.get(result.id)?.config.rootfs.diff_ids ?? []
  const { path } = await tool.store.snapshots.view(key, chainIdOf(diffIds))
  try {
    look(path)
  } finally {
    await tool.store.snapshots.remove(key)
  }
}

/** `ls -l`-like facts of the last layer's entries, as GNU tar reads them. */
function layerList(result: BuildResult): string[] {
  const diffId = tool.store.images.get(result.id)?.config.rootfs.diff_ids.at(-1)
  assert.ok(diffId)
  const path = tool.store.content.path(diffIdAsDigest(diffId))
  const output = execFileSync('tar', ['-tvf', path, '--numeric-owner', '--utc', '--full-time'])
  return output.toString().trim().split('\n')
}

test('COPY: destination rules, owners, modes and constant times in the layer', async () => {
  write('c/one.txt', '1')
  write('c/sub/two.txt', '2')
  symlinkSync('one.txt', join(context, 'c/link'))
  const result = await build(
    'FROM busybox\nCOPY c /dest/\nCOPY c/one.txt /file\nCOPY c/one.txt /tmp\nCOPY --chown=build:wheel --chmod=u=rw,go= c/one.txt c/sub/two.txt /owned/',
  )
  assert.deepEqual(layerList(result), [
    'drwxr-xr-x 1000/10           0 1970-01-01 00:00:00 owned/',
    '-rw------- 1000/10           1 1970-01-01 00:00:00 owned/one.txt',
    '-rw------- 1000/10           1 1970-01-01 00:00:00 owned/two.txt',
  ])
  await inImage(result, (root) => {
    assert.equal(readFileSync(join(root, 'dest/sub/two.txt'), 'utf8'), '2')
    assert.equal(readlinkSync(join(root, 'dest/link')), 'one.txt')
    assert.equal(readFileSync(join(root, 'file'), 'utf8'), '1')
    assert.equal(readFileSync(join(root, 'tmp/one.txt'), 'utf8'), '1')
    assert.equal(lstatSync(join(root, 'tmp')).mode & 0o7777, 0o1777, '/tmp stays as it was')
  })
})

test('COPY goes through links of the image, never out of it', async () => {
  write('l/lib/x', 'x')
  const result = await build(
    'FROM busybox\nRUN mkdir /real && ln -s /real /lib && ln -s ../../../../../../real /up\nCOPY l/ /\nCOPY l/lib/x /up/y',
  )
  await inImage(result, (root) => {
    assert.equal(readlinkSync(join(root, 'lib')), '/real')
    assert.equal(readFileSync(join(root, 'real/x'), 'utf8'), 'x')
    assert.equal(readFileSync(join(root, 'real/y'), 'utf8'), 'x')
  })
})

test('links in the context never lead outside', async () => {
  mkdirSync(join(context, 'e'), { recursive: true })
  symlinkSync('/etc/passwd', join(context, 'e/absolute'))
  symlinkSync('../../../../../../../../etc', join(context, 'e/relative'))
  for (const source of ['e/absolute', 'e/relative/passwd', '../../../../etc/passwd']) {
    await assert.rejects(build(`FROM busybox\nCOPY ${source} /stolen`), { code: 'COPY_FAILED' }, source)
  }
  await inImage(await build('FROM busybox\nCOPY e /e'), (root) => {
    assert.equal(readlinkSync(join(root, 'e/absolute')), '/etc/passwd', 'copied as a link')
  })
})

test('wildcards, and a file that the ignore file hides', async () => {
  write('w/a.txt', 'a')
  write('w/b.txt', 'b')
  write('w/c.md', 'c')
  write('.dockerignore', '# nothing\nw/b.*\n')
  const result = await build('FROM busybox\nCOPY w/*.txt /w/')
  assert.deepEqual(
    layerList(result).map((line) => line.split(' ').at(-1)),
    ['w/', 'w/a.txt'],
  )
  await assert.rejects(build('FROM busybox\nCOPY w/b.txt /'), (error) => {
    assert.ok(isMilleError(error, 'COPY_FAILED'))
    assert.match(error.message, /line 2 of \.dockerignore hides it: w\/b\.\*/)
    assert.match(error.message, /> +2 \| COPY w\/b\.txt/)
    return true
  })
  rmSync(join(context, '.dockerignore'))
})

test('RUN: user, folder, environment, shell, heredocs', async () => {
  const result = await build(
    [
      'FROM busybox',
      'ARG GIVEN=arg',
      'ENV SET=env',
      'WORKDIR /tmp/w',
      'RUN chmod 777 .',
      'USER build',
      'RUN echo "$GIVEN $SET $(id -u) $(pwd)" > out',
      'RUN ["touch", "exec form"]',
      'RUN <<EOF',
      'set -e',
      'echo first > heredoc',
      'echo second >> heredoc',
      'EOF',
      'RUN <<EOF',
      '#!/bin/busybox cat',
      'EOF',
      'SHELL ["/bin/busybox", "touch"]',
      'RUN shell-form',
    ].join('\n'),
  )
  await inImage(result, (root) => {
    const folder = join(root, 'tmp/w')
    assert.equal(readFileSync(join(folder, 'out'), 'utf8'), 'arg env 1000 /tmp/w\n')
    assert.equal(readFileSync(join(folder, 'heredoc'), 'utf8'), 'first\nsecond\n')
    assert.equal(lstatSync(join(folder, 'exec form')).uid, 1000)
    assert.ok(lstatSync(join(folder, 'shell-form')).isFile())
    assert.equal(readFileSync(join(root, 'etc/hosts'), 'utf8'), '', 'mounts of the step are not in the layer')
  })
})

test('a failing step: what failed, its last output, the line; no image, no name', async () => {
  const before = tool.store.images.list().length
  await assert.rejects(
    build('FROM busybox\nRUN echo gone\nRUN echo useful message; exit 3', {
      names: ['never'],
      forgetFailures: true,
    }),
    (error) => {
      assert.ok(isMilleError(error, 'STEP_FAILED'))
      assert.equal(error.details['exitCode'], 3)
      assert.match(error.message, /useful message/)
      assert.match(error.message, /> +3 \| RUN echo useful message; exit 3/)
      assert.match(error.message, /did not complete successfully: exit code: 3/)
      return true
    },
  )
  assert.equal(tool.store.images.list().length, before)
  assert.equal(tool.store.images.find('docker.io/library/never:latest'), undefined)
  assert.deepEqual(await tool.store.snapshots.list(), [])
})

test('an abort kills the step and leaves nothing', async () => {
  const stop = new AbortController()
  const text = { kind: 'text', text: 'FROM busybox\nRUN echo begun; sleep 1000' } as const
  const pending = tool.build(
    { context: { kind: 'empty' }, dockerfile: text },
    { signal: stop.signal, onEvent: ({ type }) => void (type === 'output' && stop.abort()) },
  )
  await assert.rejects(pending, { code: 'CANCELED' })
  assert.deepEqual(await tool.store.snapshots.list(), [])
})

test('kill -9 of the builder: no image, and the next build cleans up', async () => {
  const script = `
    import { createBuilder } from '${join(import.meta.dirname, '../../src/builder/create-builder.ts')}'
    import { openStore } from '${join(import.meta.dirname, '../../src/store/open-store.ts')}'
    import { chainIdOf } from '${join(import.meta.dirname, '../../src/oci/digest.ts')}'
    const store = await openStore('${tool.store.root}')
    const image = store.images.find('docker.io/library/busybox:latest')
    const diffIds = image.config.rootfs.diff_ids
    const base = { id: image.id, name: 'busybox', config: image.config, diffIds, chain: chainIdOf(diffIds) }
    const runner = { run: () => process.kill(process.pid, 'SIGKILL') }
    await createBuilder({ store, runner, baseImages: { resolve: async () => base } }).build({
      context: { kind: 'empty' }, dockerfile: { kind: 'text', text: 'FROM busybox\\nWORKDIR /killed\\nRUN x' },
      names: ['killed'], buildArgs: {}, labels: {}, noCache: false, pull: false, network: 'none', squash: false, timestamps: 'constant',
    })`
  const child = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script])
  assert.equal(child.signal, 'SIGKILL', child.stderr.toString())
  assert.notDeepEqual(await tool.store.snapshots.list(), [], 'it was killed in the middle')
  const result = await build('FROM busybox\nWORKDIR /killed')
  assert.deepEqual(await tool.store.snapshots.list(), [])
  assert.deepEqual(readdirSync(await tool.store.folder('builds')), [])
  assert.equal(tool.store.images.find('docker.io/library/killed:latest'), undefined)
  assert.ok(
    result.steps.every(({ cached }) => cached),
    'what was finished before is kept',
  )
})

test('ADD unpacks archives by content, copies other files, refuses a cut one', async () => {
  write('t/inner/file', 'from tar')
  const tar = execFileSync('tar', ['-C', join(context, 't'), '-cz', 'inner'], { maxBuffer: 1e7 })
  write('archive.bin', tar)
  write('plain.gz', execFileSync('gzip', ['-c'], { input: 'just text' }))
  write(
    'cut.tar.gz',
    execFileSync('gzip', ['-c'], { input: execFileSync('tar', ['-c', '-C', context, 't']) }).subarray(0, -8),
  )
  const result = await build('FROM busybox\nADD archive.bin plain.gz /x/')
  await inImage(result, (root) => {
    assert.equal(readFileSync(join(root, 'x/inner/file'), 'utf8'), 'from tar')
    assert.ok(lstatSync(join(root, 'x/plain.gz')).isFile())
  })
  await assert.rejects(build('FROM busybox\nADD cut.tar.gz /x/'), {
    message: /cut\.tar\.gz cannot be read.*truncated/,
  })
})

test('ADD of a URL: mode 0600, checksum, link-local and redirects refused', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/move') response.writeHead(302, { location: 'http://169.254.169.254/secret' }).end()
    else response.writeHead(200, { 'last-modified': 'Tue, 01 Jan 2019 00:00:00 GMT' }).end('remote')
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const sum = 'sha256:9f9c04bb38a0ab6de0f9b2ea2b2a0c6ae1a2ba1f6d8f9fc4cf8dd7dd94fb0a4b'
  const result = await build(`FROM busybox\nADD ${url}/name.txt /into/`)
  assert.equal(layerList(result).at(-1), '-rw------- 0/0               6 1970-01-01 00:00:00 into/name.txt')
  await assert.rejects(build(`FROM busybox\nADD --checksum=${sum} ${url}/x /x`), {
    message: /digest mismatch: expected sha256:9f9c.*got sha256:/,
  })
  await assert.rejects(build(`FROM busybox\nADD ${url}/move /x`), {
    message: /link-local address 169\.254\.169\.254 is refused/,
  })
})

test('the same input gives the same image in another store at another time', async () => {
  write('d/file', 'content')
  const dockerfile =
    'FROM busybox AS s\nRUN mkdir /made && echo x > /made/x\nCOPY d /made/d\nFROM busybox\nCOPY --from=s /made /made\nWORKDIR /made/new\nRUN echo y > y && ln y z'
  const here = await build(dockerfile, { names: ['same'] })
  await using other = await openTestBuilder()
  const copy = mkdtempSync(join(tmpdir(), 'mille-copy-'))
  execFileSync('cp', ['-r', join(context, 'd'), copy])
  const text = { kind: 'text', text: dockerfile } as const
  const there = await other.build({ context: { kind: 'folder', path: copy }, dockerfile: text })
  rmSync(copy, { recursive: true })
  assert.equal(there.id, here.id)
  assert.equal(there.manifest, here.manifest)
})

test('times of the checkout and of earlier steps stay out of layers that change modes, move and copy', async () => {
  const dockerfile =
    'FROM busybox\nCOPY t /t\nRUN echo x > /x && cp -p /bin/busybox /old\nRUN sleep 0.05 && chmod 600 /t/a && mv /x /y && cp -p /t/b /c'
  const built: BuildResult[] = []
  for (const year of [2019, 2021]) {
    await using other = await openTestBuilder()
    const folder = mkdtempSync(join(tmpdir(), 'mille-times-'))
    mkdirSync(join(folder, 't'))
    for (const name of ['a', 'b']) {
      writeFileSync(join(folder, 't', name), name)
      utimesSync(join(folder, 't', name), year, new Date(`${year}-01-02T03:04:05.678Z`))
    }
    const text = { kind: 'text', text: dockerfile } as const
    built.push(await other.build({ context: { kind: 'folder', path: folder }, dockerfile: text }))
    rmSync(folder, { recursive: true })
  }
  assert.equal(built[0]?.id, built[1]?.id)
})

test('attributes of files in a context that was never seen before are in the layer', async () => {
  write('attributes/plain', '1')
  write('attributes/marked', '2')
  setXattr(join(context, 'attributes/marked'), 'user.mark', Buffer.from('yes'))
  const result = await build('FROM busybox\nCOPY attributes /attributes/')
  await inImage(result, (root) => {
    assert.equal(getXattr(join(root, 'attributes/marked'), 'user.mark')?.toString(), 'yes')
    assert.equal(getXattr(join(root, 'attributes/plain'), 'user.mark'), undefined)
  })
})

test('folders that COPY and WORKDIR make: nothing of the source folder, the owner asked for, the USER of the moment', async () => {
  write('own/in/f', '1')
  chmodSync(join(context, 'own'), 0o1751)
  const result = await build(
    'FROM busybox AS s\nRUN mkdir -m 1770 /s && chown 5:6 /s && echo 1 > /s/f\nFROM busybox\nCOPY own /a/b\nCOPY --chown=8:9 own /c/d/\nCOPY --from=s /s /e\nCOPY --chmod=700 own /g\nCOPY --chown=:7 own/in/f /h\nUSER 3:4\nWORKDIR /i/j\n',
  )
  await inImage(result, (root) => {
    const look = (path: string): string => {
      const { mode, uid, gid } = lstatSync(join(root, path))
      return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`
    }
    const found = ['a', 'a/b', 'c', 'c/d', 'e', 'e/f', 'g', 'h', 'i', 'i/j'].map(look)
    const wanted = '755 0:0, 755 0:0, 755 8:9, 755 8:9, 755 0:0, 644 0:0, 700 0:0, 644 0:7, 755 3:4, 755 3:4'
    assert.equal(found.join(', '), wanted)
  })
})

test('ARG: a name may use the one before it; a value given after an ENV hides it from steps, not from the image', async () => {
  const result = await build(
    'FROM busybox AS b\nARG I=in J=${I}x\nENV A=env B=env C=env\nARG A=arg\nARG B\nENV C=again\nLABEL j=$J a=$A b=$B c=$C\nRUN echo $A $B $C > /seen\nFROM b\nARG C\nRUN echo $A $C >> /seen\n',
    { buildArgs: { I: 'given' } },
  )
  const config = tool.store.images.get(result.id)?.config.config
  assert.deepEqual(config?.Labels, { j: 'givenx', a: 'arg', b: 'env', c: 'again' })
  assert.deepEqual(config?.Env?.slice(1), ['A=env', 'B=env', 'C=again'])
  await inImage(result, (root) => {
    assert.equal(readFileSync(join(root, 'seen'), 'utf8'), 'arg env again\nenv again\n')
  })
})

test('a platform that nobody has is refused before a registry is asked', async () => {
  const platform = { os: 'linux', architecture: 'amd46' }
  await assert.rejects(
    build('FROM elsewhere.test/base', { platforms: [platform] }),
    /unknown platform "linux\/amd46" \(did you mean linux\/amd64\?\)/,
  )
})

test('--squash: one layer above the base, all history rows', async () => {
  const dockerfile = 'FROM busybox\nRUN echo 1 > /one\nRUN rm /one && echo 2 > /two\nENV A=1'
  const whole = tool.store.images.get((await build(dockerfile)).id)
  const squashed = await build(dockerfile, { outputs: [{ ...imageOutput, squash: true }] })
  const record = tool.store.images.get(squashed.id)
  assert.equal(record?.config.rootfs.diff_ids.length, 2)
  assert.equal(record?.config.rootfs.diff_ids[0], whole?.config.rootfs.diff_ids[0])
  assert.equal(record?.config.history?.length, whole?.config.history?.length)
  await inImage(squashed, (root) => {
    assert.equal(readFileSync(join(root, 'two'), 'utf8'), '2\n')
    assert.throws(() => lstatSync(join(root, 'one')), { code: 'ENOENT' })
  })
})
