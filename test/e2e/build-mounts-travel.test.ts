import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildEvent } from '../../src/builder/build.ts'
import type { CacheExport, CacheImport } from '../../src/builder/cache/remote/cache-place.ts'
import { openCacheFolder } from '../support/cache-folder.ts'
import { openCopyBuilds, type CopyBuilds } from '../support/copy-builds.ts'
import { testMille } from '../support/mille.ts'
import { startDockerRegistry } from '../support/start-docker-registry.ts'

let folder: string
let first: CopyBuilds

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-travel-'))
  first = await openCopyBuilds()
})
after(async () => {
  await first[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)

function to(name: string, more: Partial<CacheExport> = {}): { readonly cacheTo: readonly CacheExport[] } {
  const usual = { mode: 'min', compression: { type: 'gzip', force: false }, ignoreError: false } as const
  return {
    cacheTo: [
      { ...usual, address: { type: 'local', path: at(name), tag: 'latest' }, mountBytes: 1e9, ...more },
    ],
  }
}

function from(name: string, mountBytes = 1e9): { readonly cacheFrom: readonly CacheImport[] } {
  return { cacheFrom: [{ address: { type: 'local', path: at(name), tag: 'latest' }, mountBytes }] }
}

/** A Dockerfile whose RUN does `command` in the cache mount `/c`; each command is another step. */
const inMount = (command: string, options = ''): string[] => [
  'FROM busybox',
  `RUN --mount=type=cache,id=packages,target=/c${options} ${command}`,
]

const look = 'cd /c && find . | sort | xargs stat -c "%n %a %u:%g %Y"'

test('a step that runs on another machine finds what the mount held: owners, modes, times and links', async () => {
  const fill = [
    'cd /c',
    'mkdir -p a/b',
    'echo one > a/b/file',
    'ln -s b/file a/link',
    'ln a/b/file a/second',
    'chown 7:8 a/b/file',
    'chmod 4750 a/b/file',
    'chmod 1777 a',
    'touch -d @1500000000 a/b/file a/b',
    look.replace('cd /c && ', ''),
  ].join(' && ')
  await first.build(inMount(fill, ',uid=3,gid=4,mode=0751'), to('whole'))
  const before = first.output()
  assert.match(before, /^\. 751 3:4 \d+\n\.\/a 1777 0:0 \d+\n/)
  assert.match(before, /\.\/a\/b\/file 4750 7:8 1500000000\n/)
  await using other = await openCopyBuilds()
  await other.build(inMount(`${look}; cat a/link`, ',uid=3,gid=4,mode=0751'), from('whole'))
  assert.equal(other.output(), `${before}one\n`)
  // GNU tar reads the layer too, and the manifest says which mount it is
  const cache = openCacheFolder(at('whole'))
  assert.equal(cache.mount('/packages')?.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip')
  assert.deepEqual(cache.list('/packages'), [
    'drwxr-x--x 3/4 ./',
    'drwxrwxrwt 0/0 a/',
    'drwxr-xr-x 0/0 a/b/',
    '-rwsr-x--- 7/8 a/b/file',
    'lrwxrwxrwx 0/0 a/link -> b/file',
    'hrwsr-x--- 7/8 a/second link to a/b/file',
  ])
  // the same files are the same bytes, wherever they are
  await other.build(inMount('true', ',uid=3,gid=4,mode=0751'), to('again', { mode: 'max' }))
  assert.equal(openCacheFolder(at('again')).mount('/packages')?.digest, cache.mount('/packages')?.digest)
})

test('what a package manager would fetch is fetched once for all machines, from a registry too', async () => {
  await using registry = await startDockerRegistry()
  const ref = `${registry.host}/app:cache`
  using one = testMille()
  using two = testMille()
  const run = (mille: typeof one, edit: string, ...caches: string[]): string => {
    const fetched = `[ -e /c/archive ] && echo "in the mount" || { echo fetched; echo bytes > /c/archive; }`
    writeFileSync(at('Dockerfile'), inMount(`: ${edit}; ${fetched}`).join('\n'))
    const ran = mille.run(['build', '--progress', 'plain', '-t', 'app', ...caches, folder])
    assert.equal(ran.code, 0, ran.err)
    return ran.err
  }
  for (const mille of [one, two]) mille.ok('image', 'bootstrap', 'busybox')
  const cacheTo = `type=registry,ref=${ref},mounts=true,compression=zstd`
  assert.match(run(one, '1', '--cache-to', cacheTo), /\d fetched\n[\s\S]*cache mount \/packages: \d+B/)
  assert.match(run(two, '2', '--cache-from', ref), /cache mount \/packages: from 127[\s\S]*\d in the mount\n/)
  // without being asked for nothing travels
  run(one, '1', '--cache-to', `type=local,dest=${at('without')}`)
  assert.equal(openCacheFolder(at('without')).mount('/packages'), undefined)
  using three = testMille()
  three.ok('image', 'bootstrap', 'busybox')
  assert.match(run(three, '2', '--cache-from', `type=registry,ref=${ref},mounts=false`), /\d fetched\n/)
  const wrong = one.run(['build', '--cache-to', `${cacheTo},mounts-max-size=much`, folder])
  assert.match(wrong.err, /mounts-max-size of --cache-to: invalid size: 'much'/)
})

test('a mount that is here already stays as it is', async () => {
  await first.build(inMount('rm -rf /c/*; echo theirs > /c/file'), to('theirs'))
  await using other = await openCopyBuilds()
  await other.build(inMount('echo ours > /c/file'))
  await other.build(inMount('cat /c/file'), from('theirs'))
  assert.equal(other.output(), 'ours\n')
})

test('where nothing ran, the mount goes on as it came', async () => {
  const lines = inMount('rm -rf /c/*; echo kept > /c/file; echo > /result')
  await first.build(lines, to('kept'))
  await using other = await openCopyBuilds()
  const { steps } = await other.build(lines, { ...from('kept'), ...to('next') })
  assert.deepEqual(
    steps.map(({ cached }) => cached),
    [true, true],
  )
  const digest = openCacheFolder(at('kept')).mount('/packages')?.digest
  assert.equal(openCacheFolder(at('next')).mount('/packages')?.digest, digest)
  await using third = await openCopyBuilds()
  await third.build(inMount('cat /c/file'), from('next'))
  assert.equal(third.output(), 'kept\n')
})

test('a secret that lies in a cache mount while the step runs never travels (C-B9)', async () => {
  const marker = 'marker-51ac'
  const secrets = [{ id: 's', read: () => Promise.resolve(Buffer.from(marker)) }]
  const mount = '--mount=type=secret,id=s,target=/c/config/token'
  const lines = [
    'FROM busybox',
    `RUN --mount=type=cache,id=with,target=/c ${mount} cat /c/config/token; touch /c/x`,
  ]
  await first.build(lines, { secrets, ...to('secret', { compression: { type: 'none', force: false } }) })
  assert.equal(first.output(), marker)
  const cache = openCacheFolder(at('secret'))
  // all that stays of it in the folder is the empty file that it was mounted on
  const names = cache.list('/with').map((line) => line.split(' ').at(-1))
  assert.deepEqual(names, ['./', 'config/', 'config/token', 'x'])
  for (const name of readdirSync(join(cache.path, 'blobs/sha256')))
    assert.ok(!readFileSync(join(cache.path, 'blobs/sha256', name)).includes(marker))
})

test('limits: what is too large does not leave, and does not come', async () => {
  const notes: string[] = []
  const onEvent = (event: BuildEvent): void => {
    if (event.type === 'note') notes.push(event.text)
  }
  const dockerfile = {
    kind: 'text',
    text: inMount('rm -rf /c/*; head -c 300000 /dev/zero > /c/zeros').join('\n'),
  } as const
  const context = { kind: 'folder', path: first.context } as const
  await first.tool.build({ context, dockerfile, ...to('small', { mountBytes: 200_000 }) }, { onEvent })
  assert.ok(
    notes.some((note) =>
      /^cache mount \/packages stays here: it has .*more than mounts-max-size=200kB/.test(note),
    ),
    notes.join('\n'),
  )
  assert.equal(openCacheFolder(at('small')).mount('/packages'), undefined)
  await first.tool.build({ context, dockerfile, ...to('large') })
  await using other = await openCopyBuilds()
  // the tar is tiny, what it unpacks to is not
  await other.build(inMount('ls -A /c | wc -l'), from('large', 200_000))
  assert.equal(other.output(), '0\n')
  assert.match(
    other.warnings().join('\n'),
    /BuildCache: the cache mount \/packages begins empty: .*limit is 200000/,
  )
})

test('a mount is taken as a whole: the export waits for the step that has it', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const build = (name: string, command: string, ...more: string[]): ReturnType<typeof mille.start> => {
    writeFileSync(at(`${name}.Dockerfile`), inMount(command).join('\n'))
    return mille.start('build', '--progress=plain', '-f', at(`${name}.Dockerfile`), ...more, folder)
  }
  const said = (child: ReturnType<typeof mille.start>, text: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      let err = ''
      child.stderr?.on('data', (chunk: Buffer) => {
        err += chunk.toString()
        if (text.test(err)) resolve()
      })
      child.once('close', (code) => (text.test(err) ? resolve() : reject(new Error(`${code}: ${err}`))))
    })
  const ended = (child: ReturnType<typeof mille.start>): Promise<number | null> =>
    new Promise((resolve) => child.once('close', resolve))
  // the exporter's own step is cached by then, and wants nothing of the mount
  assert.equal(await ended(build('reader', 'true')), 0)
  const halfway =
    'touch /c/half; echo half; for i in $(seq 300); do [ -e /c/go ] && break; sleep 0.1; done; touch /c/whole'
  const writer = build('writer', halfway)
  const written = ended(writer)
  await said(writer, /\d half\n/)
  const reader = build('reader', 'true', '--cache-to', `type=local,dest=${at('torn')},mounts=true`)
  const read = ended(reader)
  await said(reader, /waiting for the cache mount \/packages/)
  const [id = ''] = readdirSync(join(mille.root, 'cache-mounts'))
  writeFileSync(join(mille.root, 'cache-mounts', id, 'files/go'), '')
  assert.deepEqual(await Promise.all([written, read]), [0, 0])
  const names = openCacheFolder(at('torn')).list('/packages')
  assert.deepEqual(
    names.map((line) => line.split(' ').at(-1)),
    ['./', 'go', 'half', 'whole'],
  )
})
