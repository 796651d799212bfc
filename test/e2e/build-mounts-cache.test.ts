import assert from 'node:assert/strict'
import { execFileSync, type ChildProcess } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRequest, BuildResult } from '../../src/builder/build.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import type { TestMille } from '../support/mille.ts'
import { testMille } from '../support/mille.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

/** Every time: a cached step says nothing about its cache mount. */
async function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await builds.build(['FROM busybox', ...lines], { noCache: true, ...options })
}

interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number; readonly err: string }>
}

/** A build by the real command, in a process of its own. */
function start(mille: TestMille, name: string, text: string): Started {
  builds.write(`${name}.Dockerfile`, text)
  const file = join(builds.context, `${name}.Dockerfile`)
  const child = mille.start('build', '--progress=plain', '-t', name, '-f', file, builds.context)
  let err = ''
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<{ code: number; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code: code ?? 128, err }))
  })
  return { child, ended }
}

test('what is in a cache mount outlives the build, and is neither in a layer nor in a key', async () => {
  const line =
    'RUN --mount=type=cache,target=/c/deep ls /c/deep; date +%s%N > /c/deep/now; echo x >> /c/deep/count'
  const first = await build([line])
  assert.equal(builds.output(), '')
  const second = await build([line])
  assert.equal(builds.output(), 'count\nnow\n')
  assert.equal(second.id, first.id, 'no layer')
  const cached = await build([line], { noCache: false })
  assert.deepEqual(
    cached.steps.map((step) => step.cached),
    [true, true],
  )
  await build(['RUN --mount=type=cache,target=/c/deep wc -l < /c/deep/count'])
  assert.equal(builds.output(), '2\n')
})

test('id, default id, namespace, owner and mode say which cache it is', async () => {
  await build(['RUN --mount=type=cache,id=one,target=/c echo 1 > /c/1'])
  await build(['RUN --mount=type=cache,id=one,target=/other ls /other; touch /other/2'])
  assert.equal(builds.output(), '1\n')
  await build(['RUN --mount=type=cache,target=one ls one'])
  assert.equal(builds.output(), '1\n2\n', 'the default is the target as it is written')
  await build(['RUN --mount=type=cache,target=/one ls /one'])
  assert.equal(builds.output(), '')
  const buildArgs = { BUILDKIT_CACHE_MOUNT_NS: 'team' }
  await build(['RUN --mount=type=cache,id=one,target=/c ls /c'], { buildArgs })
  assert.equal(builds.output(), '')
  const owned = 'RUN --mount=type=cache,id=one,target=/c,uid=3,gid=4,mode=0750 stat -c "%u:%g %a" /c; ls /c'
  await build([owned])
  assert.equal(builds.output(), '3:4 750\n')
  await build(['RUN --mount=type=cache,id=plain,target=/c stat -c "%u:%g %a" /c'])
  assert.equal(builds.output(), '0:0 755\n')
})

test('ro, from, and a source inside the cache', async () => {
  await build([
    'RUN --mount=type=cache,id=r,target=/c mkdir -p /c/sub && echo in > /c/sub/file',
    'RUN --mount=type=cache,id=r,target=/c,ro touch /c/x 2>&1 || cat /c/sub/file',
    'RUN --mount=type=cache,id=r,target=/c,source=/sub cat /c/file; touch /c/more',
    'RUN --mount=type=cache,id=r,target=/c,source=sub/file cat /c',
    'RUN --mount=type=cache,id=r,target=/c ls /c/sub',
  ])
  assert.match(builds.output(), /^touch: .*Read-only file system\nin\nin\nin\nfile\nmore\n$/)
  const seeded = [
    'FROM busybox AS seed',
    'RUN mkdir -p /s/d && echo seed > /s/d/file && chmod 1777 /s',
    'FROM busybox',
    'RUN --mount=type=cache,id=s,from=seed,source=/s,target=/c cat /c/d/file; stat -c %a /c; echo more >> /c/d/file',
  ]
  await builds.build(seeded, { noCache: true })
  assert.equal(builds.output(), 'seed\n1777\n')
  await builds.build(seeded, { noCache: true })
  assert.equal(builds.output(), 'seed\nmore\n1777\n')
  await assert.rejects(
    build(['RUN --mount=type=cache,id=r,source=nope,target=/c true']),
    (error) =>
      isMilleError(error, 'STEP_FAILED') && /"nope" in the cache: it is not there/.test(error.message),
  )
})

test('private caches of steps side by side are two; shared and locked ones are one', async () => {
  const stage = (name: string, sharing: string): string[] => [
    `FROM busybox AS ${name}`,
    `RUN --mount=type=cache,id=p-${sharing},sharing=${sharing},target=/c --mount=type=cache,id=meet-${sharing},target=/m touch /c/${name} /m/${name}; for i in $(seq 300); do [ -e /m/a ] && [ -e /m/b ] && break; sleep 0.1; done; ls /c | tr '\\n' ' ' > /seen`,
  ]
  const both = (sharing: string): string[] => [
    ...stage('a', sharing),
    ...stage('b', sharing),
    'FROM busybox',
    'COPY --from=a /seen /a',
    'COPY --from=b /seen /b',
    'RUN cat /a; echo; cat /b',
  ]
  await builds.build(both('private'), { noCache: true })
  assert.deepEqual(
    builds
      .output()
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .sort(),
    ['a', 'b'],
  )
  await builds.build(both('shared'), { noCache: true })
  assert.match(builds.output(), /a b/)
})

test('a locked cache is had by one step at a time, and its waiter is told; no deadlock in the other order', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const text = (name: string, first: string, second: string): string =>
    [
      'FROM busybox',
      `RUN --mount=type=cache,id=${first},sharing=locked,target=/1 --mount=type=cache,id=${second},sharing=locked,target=/2 echo ${name}; [ ! -e /1/busy ] && [ ! -e /2/busy ] && touch /1/busy /2/busy && sleep 1 && rm -f /1/busy /2/busy`,
    ].join('\n')
  const ended = await Promise.all(
    [
      ['a', 'x', 'y'],
      ['b', 'y', 'x'],
      ['c', 'x', 'x'],
    ].map(([name = '', first = '', second = '']) => start(mille, name, text(name, first, second)).ended),
  )
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
    ended.map(({ err }) => err).join('\n'),
  )
  assert.match(
    ended.map(({ err }) => err).join('\n'),
    /waiting for the cache mount \/[xy]: process \d+ has it/,
  )
})

test('two builds at once run the same step once', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const lines = [
    'FROM busybox',
    'RUN --mount=type=cache,target=/c echo ran >> /c/runs; sleep 1; cp /c/runs /runs',
    'CMD ["cat", "/runs"]',
  ]
  const names = ['one', 'two', 'three']
  const ended = await Promise.all(names.map((name) => start(mille, name, lines.join('\n')).ended))
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
  )
  assert.deepEqual(
    names.map((name) => mille.ok('run', '--rm', name)),
    ['ran', 'ran', 'ran'],
  )
})

test('kill -9: the next build ends the orphan before it takes the cache; the content stays', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const mount = '--mount=type=cache,sharing=locked,target=/c'
  const { child, ended } = start(
    mille,
    'killed',
    `FROM busybox\nRUN ${mount} echo kept > /c/kept; while :; do echo $$ >> /c/log; echo alive; sleep 0.05; done`,
  )
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      // not the line that names the step
      if (/\d alive\n/.test(chunk.toString())) resolve()
    })
  })
  child.kill('SIGKILL')
  const look = 'cat /c/kept; wc -c < /c/log > /c/a; sleep 0.5; wc -c < /c/log | cmp - /c/a && echo quiet'
  const next = await start(mille, 'next', `FROM busybox\nRUN ${mount} ${look}`).ended
  assert.equal(next.code, 0, next.err)
  await ended
  assert.match(next.err, /kept[\s\S]*quiet/)
  const left = readdirSync(join(mille.root, 'builds'))
  assert.deepEqual(left, [])
})

test('make in a cache mount: a changed source is newer than what was made from it, an unchanged one is not', async () => {
  // what make does, with the tools of busybox: out of date means older than its source, by whole seconds
  const edit = (name: string, content: string, age: number): void => {
    builds.write(`src/${name}`, content)
    utimesSync(join(builds.context, 'src', name), Date.now() / 1000 - age, Date.now() / 1000 - age)
  }
  edit('one', '1', 100)
  edit('two', '1', 100)
  const make =
    'for s in one two; do if [ ! -e /obj/$s ] || [ /src/$s -nt /obj/$s ]; then cp /src/$s /obj/$s; echo "made $s"; fi; done'
  const copied = ['COPY src /src', `RUN --mount=type=cache,id=make,target=/obj ${make}`]
  await build(copied)
  assert.equal(builds.output(), 'made one\nmade two\n')
  edit('two', '2', -5)
  await build(copied, { noCache: false })
  assert.equal(builds.output(), 'made two\n')
  const bound = [`RUN --mount=source=src,target=/src --mount=type=cache,id=make,target=/obj ${make}`]
  edit('one', '3', -5)
  edit('two', '2', 50)
  await build(bound)
  assert.equal(builds.output(), 'made one\n')
})

const gnuMake = '/usr/bin/make'

test('GNU make itself in a cache mount', async () => {
  const libraries = execFileSync('ldd', [gnuMake], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
  for (const path of [gnuMake, ...libraries]) builds.write(`tools${path}`, readFileSync(path))
  for (const path of [gnuMake, ...libraries]) chmodSync(join(builds.context, 'tools', path), 0o755)
  builds.write('make/Makefile', 'all: obj/one obj/two\nobj/%: %\n\t@cp $< $@ && echo made $<\n')
  builds.write('make/one', '1')
  builds.write('make/two', '1')
  const lines = [
    'COPY tools /',
    'WORKDIR /src',
    'COPY make /src',
    'RUN --mount=type=cache,id=gnu,target=/src/obj /usr/bin/make -r',
    'RUN --mount=type=cache,id=gnu,target=/src/obj /usr/bin/make -r -q && echo up to date',
  ]
  await build(lines)
  assert.equal(builds.output(), 'made one\nmade two\nup to date\n')
  builds.write('make/two', '2')
  await build(lines, { noCache: false })
  assert.equal(builds.output(), 'made two\nup to date\n')
  await build(lines)
  assert.match(builds.output(), /Nothing to be done for 'all'\.\nup to date\n/)
})
