import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { type Ran, type TestMille, testMille } from '../support/mille.ts'

let mille: TestMille

before(async () => {
  mille = testMille()
  {
    await using store = await openStore(mille.root)
    await makeBusyboxImage(store)
  }
  const lines = [
    'FROM busybox',
    'ENV WHO=base PATH=/usr/local/bin:/bin',
    'EXPOSE 80 443',
    'VOLUME /data /logs',
    'LABEL a=1 b=2',
    'USER 7',
    'HEALTHCHECK CMD true',
    'ENTRYPOINT ["/bin/false"]',
  ]
  assert.equal(build(lines, '-t', 'base').code, 0)
})
after(() => mille[Symbol.dispose]())

function build(lines: readonly string[], ...flags: readonly string[]): Ran {
  return mille.run(['build', '--network=none', '--progress=plain', ...flags, '-'], {
    input: lines.join('\n'),
  })
}

function config(image: string): Readonly<Record<string, unknown>> {
  return JSON.parse(mille.ok('image', 'inspect', '--format', '{{json .Config}}', image)) as Record<
    string,
    unknown
  >
}

test('a comment takes out what the base set: steps and containers no longer have it', () => {
  const lines = [
    'FROM base',
    'RUN echo "$WHO $(id -u)"',
    '# mille:unset env=WHO user volume=/data expose=80/tcp label=a healthcheck entrypoint',
    'RUN echo "[$WHO] $(id -u)"',
  ]
  const { code, err } = build(lines, '-t', 'child')
  assert.equal(code, 0, err)
  assert.match(err, /base 7\n[^]*\[\] 0\n/)
  const { Env, Labels, Volumes, ExposedPorts, User, Healthcheck, Entrypoint } = config('child')
  assert.deepEqual(
    { Env, Labels, Volumes, ExposedPorts },
    {
      Env: ['PATH=/usr/local/bin:/bin'],
      Labels: { b: '2' },
      Volumes: { '/logs': {} },
      ExposedPorts: { '443/tcp': {} },
    },
  )
  assert.deepEqual([User || '', Healthcheck ?? null, Entrypoint ?? null], ['', null, null])
  const command = 'echo [$WHO] $(id -u); grep -c " /data " /proc/mounts; grep -c " /logs " /proc/mounts'
  assert.equal(mille.ok('run', '--rm', 'child', 'sh', '-c', command), '[] 0\n0\n1')
  assert.match(mille.ok('history', '--no-trunc', 'child'), /mille:unset env=WHO user volume=\/data/)
})

test('the step after it is built anew, and cached the next time', () => {
  const lines = (directive: string): string[] => ['FROM base', directive, 'RUN echo >/tmp/x']
  build(lines('# remark'))
  assert.match(build(lines('# mille:unset env=WHO')).err, /RUN echo >\/tmp\/x \(ENV WHO is gone\)/)
  assert.match(build(lines('# mille:unset env=WHO')).err, /RUN echo >\/tmp\/x\n#2 CACHED/)
  // steps do not see volumes
  assert.match(build(lines('# mille:unset volume=/data')).err, /RUN echo >\/tmp\/x\n#2 CACHED/)
})

test('--unset takes it out of the image at the end; --label comes after it', () => {
  const flags = ['--unset', 'volume=*', '--unset', 'env=NEW', '--unset', 'label=b', '--label', 'b=3']
  const { code, err } = build(['FROM base', 'ENV NEW=1', 'RUN test $NEW = 1'], '-t', 'flags', ...flags)
  assert.equal(code, 0, err)
  const { Env, Volumes, Labels } = config('flags')
  assert.deepEqual(Env, ['PATH=/usr/local/bin:/bin', 'WHO=base'])
  assert.equal(Volumes ?? null, null)
  assert.deepEqual(Labels, { a: '1', b: '3' })
})

test('what is not there is a warning, what cannot be is an error', () => {
  const { code, err } = build(['FROM base', '# mille:unset volume=/dat'], '--unset', 'cmd', '--unset', 'cmd')
  assert.equal(code, 0, err)
  assert.match(
    err,
    /UnsetNothing: mille:unset volume=\/dat: there is no such volume here \(did you mean \/data\?\) \(line 2\)/,
  )
  assert.match(err, /UnsetNothing: --unset cmd: there is no cmd here\n/)
  const wrong = build(['FROM base'], '--unset', 'voluem=/data')
  assert.equal(wrong.code, 1)
  assert.match(
    wrong.err,
    /invalid --unset "voluem=\/data": there is no setting "voluem" to unset \(did you mean volume\?\)/,
  )
  assert.equal(build(['FROM base', '# mille:unset evn=A']).code, 1)
  const commit = mille.run(['import', '--change', '# mille:unset env=A', '-'], { input: '' })
  assert.match(commit.err, /mille:unset is not a valid change/)
})
