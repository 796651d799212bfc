import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { BuildRequest, BuildResult } from '../../src/builder/build.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import { dir, file, symlink, tarOf } from './support.ts'

let builds: CopyBuilds
/** Outside of every root: an attack would read or change it. */
let canary: string

before(async () => {
  builds = await openCopyBuilds()
  canary = mkdtempSync(join(tmpdir(), 'mille-canary-'))
  builds.write('x', '')
  mkdirSync(join(canary, 'folder'))
  writeFileSync(join(canary, 'file'), '')
  writeFileSync(join(canary, 'host'), 'host bytes')
})
after(async () => {
  rmSync(canary, { recursive: true })
  await builds[Symbol.asyncDispose]()
})

async function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  return await builds.build(['FROM busybox', ...lines], { noCache: true, ...options })
}

async function refused(
  lines: readonly string[],
  text: RegExp,
  options: Partial<BuildRequest> = {},
): Promise<void> {
  await builds.refused(['FROM busybox', ...lines], text, { noCache: true, ...options })
  assert.ok(!builds.output().includes('host bytes'))
}

function untouched(): void {
  assert.deepEqual(readdirSync(canary), ['file', 'folder', 'host'])
  assert.equal(readFileSync(join(canary, 'host'), 'utf8'), 'host bytes')
}

test('C-B1: a source in a cache never leaves the cache (CVE-2024-23651, CVE-2024-11218, CVE-2024-9675)', async () => {
  await build([
    `RUN --mount=type=cache,id=l,target=/c ln -s ${canary} /c/abs && ln -s ../../../../../../../../../../..${canary} /c/up && ln -s / /c/root`,
  ])
  const sources = ['abs', 'up', 'root', 'root/etc', `../../../../../..${canary}`, canary, '/etc', '../etc']
  for (const source of sources) {
    await build([`RUN --mount=type=cache,id=l,source=${source},target=/x ls -R /x; cat /x/host`]).catch(
      (error: unknown) => assert.ok(isMilleError(error, 'STEP_FAILED'), String(error)),
    )
    assert.ok(!builds.output().includes('host bytes'), source)
    assert.ok(!builds.output().includes('canary'), source)
  }
  untouched()
})

test('C-B1: a step that swaps a folder of a shared cache for a link while another mounts it', async () => {
  await build(['RUN --mount=type=cache,id=race,target=/c mkdir /c/in /c/out && echo inside > /c/in/host'])
  const swap = `ln -s ${canary} /c/link; for i in $(seq 150); do mv /c/in /c/out/in; mv /c/link /c/in; mv /c/in /c/link; mv /c/out/in /c/in; done`
  const look = 'cat /x/host; ls /x'
  const lines = [
    `RUN --mount=type=cache,id=race,target=/c ${swap}`,
    ...Array.from({ length: 12 }, (_, index) => [
      `FROM busybox AS look${index}`,
      `RUN --mount=type=cache,id=race,source=in,target=/x ${look} || true # ${index}`,
    ]).flat(),
    'FROM busybox',
    ...Array.from({ length: 12 }, (_, index) => `COPY --from=look${index} /etc/passwd /p${index}`),
  ]
  await build(lines).catch((error: unknown) => assert.ok(isMilleError(error, 'STEP_FAILED'), String(error)))
  assert.ok(!builds.output().includes('host bytes'))
  untouched()
})

test('C-B2: mount points below links, moved away or swapped for links to the host (CVE-2024-23652)', async () => {
  const result = await build([
    `RUN mkdir /o && ln -s ${canary} /host && ln -s ../../../../../../..${canary} /up`,
    'RUN --mount=type=tmpfs,target=/host/folder/new --mount=type=tmpfs,target=/up/folder true',
    `RUN --mount=type=tmpfs,target=/a/folder --mount=source=x,target=/a/file mv /a /o/moved && ln -s ${canary} /a`,
    `RUN --mount=type=tmpfs,target=/b/folder/deep mv /b/folder /o/folder && ln -s ${canary}/folder /b/folder`,
  ])
  untouched()
  const list = await builds.list(result)
  assert.ok(list.includes('moved 755 0:0'), 'what the step moved is its own doing')
})

test('C-B3: less isolation only with its entitlement, and never for a word nobody knows (CVE-2024-23653)', async () => {
  await refused(['RUN --security=insecure true'], /security\.insecure is needed/)
  await refused(['RUN --network=host true'], /network\.host is needed/)
  await refused(['RUN --security=insecure true'], /is needed/, { entitlements: ['network.host'] })
  await refused(['RUN --network=host true'], /is needed/, { entitlements: ['security.insecure'] })
  for (const word of ['Host', 'HOST', 'bridge', '""', '$X', 'host,none'])
    await refused([`RUN --network=${word} true`], /invalid network mode|needs a value/)
  for (const word of ['privileged', 'INSECURE', 'true', '$X'])
    await refused([`RUN --security=${word} true`], /invalid security mode/)
  await refused(['ONBUILD RUN --network=host true', 'FROM busybox', 'RUN --network=host true'], /is needed/)
  // what a sandboxed step may not do, whatever its mounts
  await build([
    'RUN --mount=type=tmpfs,target=/m mount -o remount,dev /m 2>&1; umount /m 2>&1; mknod /m/sda b 8 0 2>&1 && head -c 1 /m/sda 2>&1; true',
  ])
  assert.match(builds.output(), /denied|not permitted/)
})

test('C-B4: sources through links of a stage, of a folder and of a tar stay inside (CVE-2024-1753)', async () => {
  symlinkSync(join(canary, 'host'), join(builds.context, 'abs'))
  symlinkSync(canary, join(builds.context, 'folder'))
  for (const source of [
    'abs',
    'folder',
    'folder/host',
    `../../../../../..${canary}/host`,
    join(canary, 'host'),
  ])
    await refused([`RUN --mount=source=${source},target=/m cat /m /m/host`], /is not in the build context/)
  const stage = [
    'FROM busybox AS evil',
    `RUN ln -s ${canary} /abs && ln -s ../../../../../../../..${canary}/host /rel && ln -s loop /loop && ln -s /proc/1/root/${canary} /proc-link`,
    'FROM busybox',
  ]
  for (const source of ['/abs', '/abs/host', '/rel', '/loop', '/proc-link', `/../../../..${canary}/host`]) {
    for (const access of ['ro', 'rw']) {
      const line = `RUN --mount=from=evil,source=${source},target=/m,${access} cat /m /m/host`
      await assert.rejects(builds.build([...stage, line], {}), (error) => isMilleError(error, 'STEP_FAILED'))
      assert.ok(!builds.output().includes('host bytes'), source)
    }
  }
  const tar = gzipSync(
    tarOf(
      dir('d'),
      symlink('d/link', join(canary, 'host')),
      symlink('out', canary),
      file('Dockerfile', 'FROM busybox\nRUN --mount=target=/m cat /m/d/link /m/out/host; ls /m/d'),
    ),
  )
  const options = { context: { kind: 'stream', stream: Readable.from([tar]) } } as const
  await builds.tool.build({ ...options, noCache: true })
  untouched()
})

test('a name in a flag is a name: nothing of it becomes a path, an option or a line of a file', async () => {
  await refused(
    ['RUN --mount=type=secret,id=../../etc/passwd,required cat /run/secrets/passwd'],
    /is required here/,
  )
  await build(['RUN --mount=type=cache,id=../../../../x,target=/c touch /c/in'])
  const folder = await builds.tool.store.folder('cache-mounts')
  assert.ok(readdirSync(folder).every((name) => /^[0-9a-f]{64}$/.test(name)))
  await refused(['RUN --mount=type=secret,id=a,env=A=B true'], /cannot be the name of a variable/)
  await refused(['RUN --mount=type=tmpfs,target=/m,size=1m\\,exec true'], /unexpected key|invalid size/)
  await assert.rejects(
    build(['RUN cat /etc/hosts'], { buildArgs: { BUILDKIT_SANDBOX_HOSTNAME: 'a\n6.6.6.6 registry' } }),
    /is no host name/,
  )
  untouched()
})
