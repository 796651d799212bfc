import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../../dockerfile/parser.ts'
import type { Unset } from '../../dockerfile/unset.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { parseDiffId, sha256 } from '../../oci/digest.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { BuildPlan } from './image-plan.ts'
import { makePlan } from './make-plan.ts'

const local = { os: 'linux', architecture: 'amd64' }
const base: ContainerConfig = {
  User: 'postgres',
  ExposedPorts: { '80/tcp': {}, '443/tcp': {}, '8001/udp': {}, '8002/udp': {} },
  Env: ['PATH=/bin', 'PGDATA=/data', 'LANG=C'],
  Entrypoint: ['/entry'],
  Cmd: ['serve'],
  Volumes: { '/data': {}, '/logs': {} },
  WorkingDir: '/srv',
  Labels: { a: '1', 'two words': '2' },
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'] },
  Shell: ['/bin/bash', '-c'],
}

function plan(lines: readonly string[], unset: readonly Unset[] = []): Promise<BuildPlan> {
  const diffId = parseDiffId(sha256('base'))
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: base,
    rootfs: { type: 'layers', diff_ids: [diffId] },
  } as const
  return makePlan(parseDockerfile(lines.join('\n')), {
    platform: local,
    local,
    network: 'default',
    buildArgs: {},
    unset,
    resolve: (name) =>
      name === 'base'
        ? Promise.resolve({ id: sha256('config'), name, config, diffIds: [diffId] })
        : Promise.reject(failure('NO_SUCH_IMAGE', { reference: name })),
  })
}

test('mille:unset takes every kind of setting out of the image, where it stands', async () => {
  const { image, steps, warnings } = await plan([
    'FROM base',
    'RUN before',
    '# mille:unset volume=/data expose=80 expose=8000-8002/udp env=PGDATA label="two words"',
    '# mille:unset entrypoint cmd healthcheck user workdir shell stopsignal',
    'RUN after',
    'WORKDIR sub',
  ])
  assert.deepEqual(warnings, [])
  assert.deepEqual(image.config, {
    WorkingDir: '/sub',
    Env: ['PATH=/bin', 'LANG=C'],
    Labels: { a: '1' },
    ExposedPorts: { '443/tcp': {} },
    Volumes: { '/logs': {} },
  })
  const [, before, after] = steps.map(({ op }) => op)
  assert.ok(before?.kind === 'run' && after?.kind === 'run')
  assert.deepEqual([before.argv[0], before.user, before.cwd], ['/bin/bash', 'postgres', '/srv'])
  assert.deepEqual([after.argv[0], after.user, after.cwd], ['/bin/sh', '', '/'])
  assert.deepEqual(
    after.env.map(([name]) => name),
    ['PATH', 'LANG'],
  )
  assert.deepEqual(
    image.history.map(({ createdBy }) => createdBy).filter((text) => text.startsWith('mille')),
    [
      'mille:unset volume=/data expose=80 expose=8000-8002/udp env=PGDATA label=two words',
      'mille:unset entrypoint cmd healthcheck user workdir shell stopsignal',
    ],
  )
})

test('a star takes all of them; what is set afterwards stays', async () => {
  const { image, warnings } = await plan([
    'FROM base',
    '# mille:unset env=* label=* volume=* expose=*',
    'ENV PATH=/usr/bin',
    'VOLUME /data',
  ])
  assert.deepEqual(warnings, [])
  const { Env, Labels, Volumes, ExposedPorts } = image.config
  assert.deepEqual(
    { Env, Labels, Volumes, ExposedPorts },
    { Env: ['PATH=/usr/bin'], Labels: undefined, Volumes: { '/data': {} }, ExposedPorts: undefined },
  )
})

test('other stages keep what one unsets; an argument of the same name is seen again', async () => {
  const { steps } = await plan([
    'FROM base AS one',
    'FROM one AS two',
    'ARG LANG=of-ARG',
    '# mille:unset env=LANG',
    'RUN two $LANG',
    'FROM one',
    'COPY --from=two /x /x',
    'RUN three',
  ])
  const [two, three] = steps.flatMap(({ op }) => (op.kind === 'run' ? [op] : []))
  assert.deepEqual(two?.args, [['LANG', 'of-ARG']])
  assert.deepEqual(
    three?.env.map(([name]) => name),
    ['PATH', 'PGDATA', 'LANG'],
  )
})

test('what is not set is a warning with its line, and the likely name', async () => {
  const { warnings } = await plan(
    ['FROM base', '# mille:unset volume=/dat expose=81', 'RUN x', '# mille:unset user user label=none'],
    [{ setting: 'env', name: 'PGDAT' }, { setting: 'cmd' }, { setting: 'cmd' }],
  )
  assert.deepEqual(
    warnings.map(({ message, line }) => [message, line]),
    [
      ['mille:unset volume=/dat: there is no such volume here (did you mean /data?)', 2],
      ['mille:unset expose=81: there is no such port here', 2],
      ['mille:unset user: there is no user here', 4],
      ['mille:unset label=none: there is no such label here', 4],
      ['--unset env=PGDAT: there is no such variable here (did you mean PGDATA?)', undefined],
      ['--unset cmd: there is no cmd here', undefined],
    ],
  )
})

test('--unset takes what the image has in the end, also what the Dockerfile set, and no step knows', async () => {
  const unset: Unset[] = [{ setting: 'volume', name: '/cache' }, { setting: 'entrypoint' }]
  const { image, steps } = await plan(['FROM base', 'VOLUME /cache', 'ENTRYPOINT ["x"]', 'RUN y'], unset)
  assert.deepEqual(Object.keys(image.config.Volumes ?? {}), ['/data', '/logs'])
  assert.equal(image.config.Entrypoint, undefined)
  assert.equal(image.history.at(-1)?.createdBy, 'mille:unset volume=/cache entrypoint')
  assert.deepEqual(steps, (await plan(['FROM base', 'VOLUME /cache', 'ENTRYPOINT ["x"]', 'RUN y'])).steps)
})

test('a name that variables make wrong is refused at its place', async () => {
  await assert.rejects(plan(['FROM base', 'ARG P=80/foo', '# mille:unset expose=$P']), (error) => {
    assert.ok(isMilleError(error, 'DOCKERFILE_INVALID'))
    assert.match(error.message, /^Dockerfile:3:22\n[^]*\^\^\n[^]*error: invalid protocol "foo"/)
    return true
  })
  await assert.rejects(plan(['FROM base', 'ARG N', '# mille:unset label=$N']), /label needs a name/)
})
