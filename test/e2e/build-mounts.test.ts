import assert from 'node:assert/strict'
import { chmodSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { BuildRequest, BuildResult } from '../../src/builder/build.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
})
beforeEach(() => {
  builds.write('src/a.txt', 'a')
  builds.write('src/sub/b.txt', 'b')
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

async function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await builds.build(['FROM busybox', ...lines], options)
}

const ran = ({ steps }: BuildResult): string[] =>
  steps.filter(({ cached }) => !cached).map(({ name }) => name.replace(/^RUN --mount=\S+ /, ''))

const refused = (
  lines: readonly string[],
  text: RegExp,
  options: Partial<BuildRequest> = {},
): Promise<void> => builds.refused(['FROM busybox', ...lines], text, options)

test('bind: files of the context, read only, owned by root, without what the ignore file hides', async () => {
  builds.write('.dockerignore', 'src/sub\n')
  await build([
    'RUN --mount=type=bind,target=/m cd /m && find src Dockerfile.x 2>&1; stat -c "%u:%g %a" src/a.txt; touch src/x 2>&1 || echo refused',
  ])
  assert.match(
    builds.output(),
    /^src\nsrc\/a\.txt\nfind: Dockerfile\.x.*\n0:0 644\n.*Read-only.*\nrefused\n$/s,
  )
  builds.write('.dockerignore', '')
})

test('bind: a folder, a file, a link, the working folder, variables in every value', async () => {
  builds.write('plain', 'plain')
  symlinkSync('src/sub', join(builds.context, 'link'))
  await build([
    'ARG WHERE=src FROM=none',
    'RUN --mount=source=$WHERE,target=/m cat /m/a.txt /m/sub/b.txt',
    'RUN --mount=source=/plain,target=/f,readonly cat /f',
    'RUN --mount=type=bind,src="link",dst=/m${WHERE} cat /msrc/b.txt',
    'WORKDIR /work',
    'RUN --mount=source=src ls; pwd',
    'RUN --mount=source=src,target=rel cat rel/a.txt',
  ])
  assert.equal(builds.output(), 'abplainba.txt\nsub\n/work\na')
})

test('bind: from a stage, from an image, by a variable; writes of rw are thrown away', async () => {
  const result = await builds.build([
    'FROM busybox AS made',
    'RUN mkdir /out && echo made > /out/file && chown 3:4 /out/file && chmod 640 /out/file',
    'FROM busybox',
    'ARG STAGE=made',
    'RUN --mount=from=made,source=/out,target=/m stat -c "%u:%g %a" /m/file',
    'RUN --mount=from=$STAGE,target=/m,source=out,rw echo more >> /m/file && cat /m/file && mkdir /m/new',
    'RUN --mount=from=made,source=out,target=/m ls /m; cat /m/file',
    'RUN --mount=from=busybox,target=/m cat /m/etc/passwd | head -n 1',
    'RUN --mount=from=scratch,target=/m,rw touch /m/x && ls /m; touch /o',
  ])
  assert.equal(builds.output(), '3:4 640\nmade\nmore\nfile\nmade\nroot:x:0:0::/root:/bin/sh\nx\n')
  assert.deepEqual(await builds.list(result, 'm').catch(({ code }: NodeJS.ErrnoException) => code), 'ENOENT')
})

test('bind: the key is what is mounted, nothing else of the context', async () => {
  const lines = [
    'RUN --mount=source=src,target=/m cat /m/a.txt',
    'RUN --mount=source=src/sub,target=/m cat /m/b.txt',
  ]
  await build(lines)
  assert.deepEqual(ran(await build(lines)), [])
  builds.write('elsewhere', 'x')
  utimesSync(join(builds.context, 'src/a.txt'), 1, 1)
  assert.deepEqual(ran(await build(lines)), [], 'neither a file outside nor a time counts')
  builds.write('src/a.txt', 'changed')
  const changed = await build(lines)
  assert.deepEqual(ran(changed), ['cat /m/a.txt'], 'the second step shows another folder')
  const [miss] = changed.steps.flatMap((step) => step.miss ?? [])
  assert.deepEqual([miss?.reason, miss?.summary], ['mount', 'mount source src/a.txt changed, 1 of 3 files'])
})

test('bind: a stage that was built again with the same files changes nothing', async () => {
  const lines = (command: string): string[] => [
    'FROM busybox AS made',
    `RUN ${command} echo made > /made`,
    'FROM busybox',
    'RUN --mount=from=made,source=/made,target=/m cat /m',
  ]
  await builds.build(lines(''))
  const again = await builds.build(lines('true && touch /other &&'))
  assert.deepEqual(ran(again), ['RUN true && touch /other && echo made > /made'])
})

test('tmpfs: its size, programs may be run from it, gone afterwards', async () => {
  const result = await build([
    'RUN --mount=type=tmpfs,target=/m,size=1m cp /bin/busybox /m/x 2>&1; echo "#!/bin/sh" > /m/y; chmod +x /m/y && /m/y && df -k /m | tail -n 1; stat -c %a /m',
    'RUN --mount=type=tmpfs,target=/a/b touch /a/b/in /a/out',
  ])
  assert.match(builds.output(), /No space left on device[\s\S]*\n(tmpfs|none) +1024 [\s\S]*\n1777\n$/)
  assert.deepEqual(await builds.list(result, 'a'), ['out 644 0:0 = '])
})

test('mount points that the builder made are not in the layer, what a step put there is', async () => {
  const result = await build([
    'RUN mkdir /o',
    'RUN --mount=type=tmpfs,target=/o/a/b --mount=source=src/a.txt,target=/o/c/file touch /o/a/mine && mkdir /o/d',
    'RUN --mount=type=tmpfs,target=/o/d true',
  ])
  assert.deepEqual(await builds.list(result), ['a 755 0:0', 'a/mine 644 0:0 = ', 'd 755 0:0'])
  const diffIds = builds.tool.store.images.get(result.id)?.config.rootfs.diff_ids ?? []
  const only = await build(['RUN --mount=type=tmpfs,target=/x/y --mount=source=src/a.txt,target=/etc/z true'])
  const base = builds.tool.store.images.get(only.id)?.config.rootfs.diff_ids ?? []
  assert.deepEqual(base, diffIds.slice(0, 1), 'a step that changes nothing makes no layer')
})

test('sources that are not there, and what is wrong only once variables are known', async () => {
  builds.write('.dockerignore', 'src/sub\n')
  await refused(
    ['RUN --mount=source=src/sub/b.txt,target=/m true'],
    /2 \| RUN --mount=source=src\/sub\/b\.txt,target=\/m true\n +\| {13}\^+\n[\s\S]*line 1 of \.dockerignore hides it/,
  )
  builds.write('.dockerignore', '')
  await refused(
    ['RUN echo > /f', 'RUN --mount=source=src,target=/f true'],
    /cannot mount on \/f: it is no folder, and one is to be mounted/,
  )
  await refused(['RUN --mount=source=src/a.txt,target=/etc true'], /cannot mount on \/etc: it is a folder/)
  await refused(
    ['RUN --mount=type=tmpfs,target=/etc/passwd/x true'],
    /cannot mount on \/etc\/passwd: it is no folder/,
  )
  await refused(
    ['ARG EMPTY', 'RUN --mount=type=bind,from=$EMTPY,target=/m true'],
    /3:\d+\n[\s\S]*error: the name behind from= is empty: variable EMTPY has no value here \(did you mean EMPTY\?\)/,
  )
  await refused(['ARG T=cahce', 'RUN --mount=type=$T,target=/m true'], /"cahce" \(did you mean cache\?\)/)
  await refused(['RUN --mount=type=cache true'], /the mount needs a target: target=\/…/)
  await refused(
    ['RUN --mount=type=tmpfs,target=/ true'],
    / {30}\^\n[\s\S]*the target of a mount cannot be \//,
  )
})

test('what the build says about its steps is seen by them', async () => {
  const run = {
    hosts: ['db.local:10.1.2.3', 'six:fe80::1'],
    shmSize: 32 * 2 ** 20,
    ulimits: [
      { name: 'nofile', soft: 100, hard: 200 },
      { name: 'core', soft: 0, hard: Infinity },
    ],
  }
  const lines = [
    'RUN grep -E "db.local|six" /etc/hosts; df -k /dev/shm | tail -n 1; hostname',
    'RUN ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc',
  ]
  const buildArgs = { BUILDKIT_SANDBOX_HOSTNAME: 'sandbox7' }
  await build(lines, { run, buildArgs })
  assert.match(
    builds.output(),
    /^10\.1\.2\.3\tdb\.local\nfe80::1\tsix\nshm +32768 .*\nsandbox7\n100\n200\n0\nunlimited\n$/s,
  )
  assert.deepEqual(ran(await build(lines, { run, buildArgs })), [])
  assert.equal(ran(await build(lines, { run: { ...run, shmSize: 2 ** 20 }, buildArgs })).length, 2)
})

test('--network of a step: none has only loopback, host needs its entitlement', async () => {
  await build(['RUN --network=none ls /sys/class/net'])
  assert.equal(builds.output(), 'lo\n')
  const host = ['RUN --network=host ls /sys/class/net | wc -l']
  await refused(
    host,
    / {15}\^\^\^\^\n[\s\S]*the entitlement network\.host is needed: .* --allow network\.host/,
  )
  await build(host, { entitlements: ['network.host'] })
  assert.ok(Number(builds.output()) > 0)
  await build(host, { network: 'host', noCache: true })
})

test('--security=insecure has all capabilities, with its entitlement only', async () => {
  const lines = [
    'RUN --security=insecure mkdir /p && mount -t tmpfs none /p && grep CapEff /proc/self/status',
  ]
  await refused(lines, /the entitlement security\.insecure is needed/)
  await build(lines, { entitlements: ['security.insecure'] })
  const all = BigInt(`0x${/CapEff:\t([0-9a-f]+)/.exec(builds.output())?.[1] ?? '0'}`)
  assert.ok((all & (1n << 21n)) !== 0n, 'CAP_SYS_ADMIN')
  await refused(['RUN --security=sandbox mkdir /p && mount -t tmpfs none /p'], /exit code: (1|255)/)
})

test('--no-cache-filter runs the steps of the stages it names', async () => {
  const lines = [
    'FROM busybox AS one',
    'RUN echo 1 > /1',
    'FROM busybox AS two',
    'COPY --from=one /1 /',
    'RUN cat /1',
  ]
  await builds.build(lines)
  assert.deepEqual(ran(await builds.build(lines, { noCacheFilter: ['one'] })), ['RUN echo 1 > /1'])
  const other = await builds.build(lines, { noCacheFilter: ['TWO', 'tow'] })
  assert.deepEqual(ran(other), ['COPY --from=one /1 /', 'RUN cat /1'])
  assert.deepEqual(builds.warnings(), [
    'NoCacheFilter: --no-cache-filter: no stage is called "tow" (did you mean two?)',
  ])
})

test('bind: what changed since the last build is put on what was there', async () => {
  const look =
    'cd /m && find . -mindepth 1 -exec stat -c "%n %a %F" {} + | sort; cat $(find . -type f | sort); readlink link || true'
  for (let index = 0; index < 60; index++) builds.write(`tree/many/f${index}`, `${index}\n`)
  for (const name of ['gone/deep/file', 'change', 'exec', 'kind/in', 'other'])
    builds.write(`tree/${name}`, `${name}\n`)
  symlinkSync('one', join(builds.context, 'tree/link'))
  const tree = join(builds.context, 'tree')
  const edits: readonly (() => void)[] = [
    () => {},
    () => builds.write('tree/change', 'changed\n'),
    () => rmSync(join(tree, 'gone'), { recursive: true }),
    () => builds.write('tree/new/deeper/file', 'new\n'),
    () => chmodSync(join(tree, 'exec'), 0o755),
    () => {
      rmSync(join(tree, 'link'))
      symlinkSync('two', join(tree, 'link'))
    },
    () => {
      rmSync(join(tree, 'kind'), { recursive: true })
      builds.write('tree/kind', 'a file now\n')
    },
    () => {
      rmSync(join(tree, 'other'))
      builds.write('tree/other/in', 'a folder now\n')
    },
    () => builds.write('tree/gone/again', 'back\n'),
    () => rmSync(join(tree, 'many/f7')),
    () => builds.write('tree/change', 'once more\n'),
    ...['1', '2', '3', '4', '5'].map((text) => () => builds.write('tree/change', text)),
  ]
  const depths: number[] = []
  for (const [index, edit] of edits.entries()) {
    edit()
    await build([`RUN --mount=source=tree,target=/m ${look}`])
    const shown = builds.output()
    const kept = builds.tool.store.cache.list().filter(({ description }) => description.endsWith('(tree)'))
    assert.equal(kept.length, 1, 'only the newest files are kept')
    depths.push(kept[0]?.diffIds?.length ?? 0)
    if (index % 5 !== 0 && index !== 7) continue
    await build(['COPY tree /m', `RUN ${look}`])
    assert.equal(shown, builds.output())
  }
  // a file in the place of a folder and the ninth change write all anew
  assert.deepEqual(depths, [1, 2, 3, 4, 5, 6, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1])
})
