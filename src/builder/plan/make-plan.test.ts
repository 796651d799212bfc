import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../../dockerfile/parser.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { parseDiffId, sha256 } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import type { BaseImage } from '../base-images.ts'
import type { BuildPlan } from './image-plan.ts'
import { makePlan } from './make-plan.ts'

const local = { os: 'linux', architecture: 'amd64' }

function image(name: string, config: ContainerConfig = {}): BaseImage {
  const diffId = parseDiffId(sha256(name))
  return {
    id: sha256(`config of ${name}`),
    name,
    config: { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: [diffId] } },
    diffIds: [diffId],
  }
}

interface Given {
  readonly images?: Readonly<Record<string, ContainerConfig>>
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly target?: string
}

function plan(text: string, given: Given = {}): Promise<BuildPlan> {
  const images = { base: {}, ...given.images }
  return makePlan(parseDockerfile(text), {
    platform: local,
    local,
    network: 'default',
    buildArgs: given.buildArgs ?? {},
    ...(given.target === undefined ? {} : { target: given.target }),
    resolve: (name) => {
      if (!Object.hasOwn(images, name)) return Promise.reject(failure('NO_SUCH_IMAGE', { reference: name }))
      return Promise.resolve(image(name, images[name as keyof typeof images]))
    },
  })
}

const names = (result: BuildPlan): string[] => result.steps.map(({ name }) => name)

test('only stages that the target needs become steps, inputs first', async () => {
  const text = [
    'FROM base AS tools',
    'RUN make tools',
    'FROM base AS unused',
    'RUN exit 1',
    'FROM scratch AS result',
    'COPY --from=tools /bin/tool /tool',
    'FROM result',
    'RUN exit 2',
  ].join('\n')
  const result = await plan(text, { target: 'result' })
  assert.deepEqual(names(result), ['FROM base', 'RUN make tools', 'COPY --from=tools /bin/tool /tool'])
  const copy = result.steps[2]
  assert.ok(copy?.op.kind === 'copy')
  assert.deepEqual(copy.op.origin, { kind: 'step', step: result.steps[1]?.id })
  assert.equal(result.image.root, copy.id)
})

test('ARG scopes: global values need a declaration, ENV wins, build arguments win over defaults', async () => {
  const text = [
    'ARG VERSION=1',
    'FROM base',
    'RUN first $VERSION',
    'ARG VERSION',
    'ARG OTHER=x',
    'ENV OTHER=env',
    'RUN second',
  ].join('\n')
  const result = await plan(text, { buildArgs: { VERSION: '2', OTHER: 'given' } })
  const [, first, second] = result.steps.map(({ op }) => op)
  assert.ok(first?.kind === 'run' && second?.kind === 'run')
  assert.deepEqual(first.args, [])
  assert.deepEqual(second.args, [['VERSION', '2']])
  assert.deepEqual(Object.fromEntries(second.env), { OTHER: 'env' })
})

test('a stage on a stage inherits its arguments, environment, user and folder', async () => {
  const text = 'FROM base AS a\nARG A=1\nENV E=2\nUSER web\nWORKDIR /srv\nFROM a\nWORKDIR sub\nRUN echo'
  const run = (await plan(text)).steps.at(-1)?.op
  assert.ok(run?.kind === 'run')
  assert.deepEqual(
    { args: run.args, env: run.env, user: run.user, cwd: run.cwd },
    { args: [['A', '1']], env: [['E', '2']], user: 'web', cwd: '/srv/sub' },
  )
})

test('proxy arguments reach RUN without a declaration and stay out of its arguments and the history', async () => {
  const result = await plan('FROM base\nRUN x', { buildArgs: { HTTP_PROXY: 'http://secret' } })
  const run = result.steps[1]?.op
  assert.ok(run?.kind === 'run')
  assert.deepEqual(run.proxies, [
    ['HTTP_PROXY', 'http://secret'],
    ['http_proxy', 'http://secret'],
  ])
  assert.deepEqual(run.args, [])
  assert.doesNotMatch(JSON.stringify(result.image), /secret/)
})

test('the image config and its history rows', async () => {
  const text = [
    'FROM base',
    'LABEL a=1 b="x y"',
    'CMD run me',
    'EXPOSE 80 90-91/udp',
    'VOLUME ["/data"]',
    'STOPSIGNAL SIGQUIT',
    'HEALTHCHECK --interval=5s CMD curl localhost',
    'SHELL ["/bin/bash", "-c"]',
    'RUN build',
    'ENTRYPOINT ["app"]',
  ].join('\n')
  const { image: result } = await plan(text, { images: { base: { Env: ['PATH=/bin'], Cmd: ['old'] } } })
  assert.deepEqual(result.config, {
    Env: ['PATH=/bin'],
    Labels: { a: '1', b: 'x y' },
    Cmd: ['/bin/sh', '-c', 'run me'],
    ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} },
    Volumes: { '/data': {} },
    StopSignal: 'SIGQUIT',
    Healthcheck: { Test: ['CMD-SHELL', 'curl localhost'], Interval: 5e9 },
    Shell: ['/bin/bash', '-c'],
    Entrypoint: ['app'],
  })
  assert.deepEqual(
    result.history.map(({ createdBy }) => createdBy).filter((row) => /^(RUN|CMD|ENTRYPOINT)/.test(row)),
    ['CMD ["/bin/sh" "-c" "run me"]', 'RUN /bin/bash -c build # buildkit', 'ENTRYPOINT ["app"]'],
  )
})

test('ENTRYPOINT drops an inherited CMD but not one of its own stage', async () => {
  const images = { base: { Cmd: ['old'] } }
  const dropped = await plan('FROM base\nENTRYPOINT ["a"]', { images })
  assert.equal(dropped.image.config.Cmd, undefined)
  const kept = await plan('FROM base\nCMD ["new"]\nENTRYPOINT ["a"]', { images })
  assert.deepEqual(kept.image.config.Cmd, ['new'])
})

test('ONBUILD triggers run right after FROM and are gone from the child', async () => {
  const images = { base: { OnBuild: ['RUN trigger', 'ENV A=1'] } }
  const result = await plan('FROM base\nRUN own', { images })
  assert.deepEqual(names(result), ['FROM base', 'RUN trigger', 'RUN own'])
  assert.equal(result.image.config.OnBuild, undefined)
  assert.deepEqual(result.image.config.Env, ['A=1'])
})

test('errors show the line and the likely word', async () => {
  const cases: readonly [string, Given, RegExp][] = [
    ['FROM debain', {}, /1 \| FROM debain[\s\S]*did you mean debian/],
    ['FROM base AS builder\nFROM biulder', {}, /did you mean builder/],
    [
      'FROM base AS a\nARG X=b\nCOPY --from=$X / /\nFROM base AS b',
      { target: 'a' },
      /defined after this one, in line 4/,
    ],
    ['FROM base\nARG P=99999\nEXPOSE $P', {}, /> +3 \| EXPOSE \$P[\s\S]*out of range/],
    ['FROM base\nARG M=9x\nCOPY --chmod=$M a b', {}, /invalid mode "9x"/],
    ['FROM base\nCOPY a b c', {}, /ending in \//],
    ['FROM base AS build', { target: 'buidl' }, /no stage "buidl".*did you mean build/],
  ]
  for (const [text, given, expected] of cases) {
    await assert.rejects(async () => plan(text, given), { message: expected }, text)
  }
})

test('a build argument that nothing takes is a warning with the likely name', async () => {
  const { warnings } = await plan('ARG VERSION\nFROM base', { buildArgs: { VERSOIN: '1', VERSION: '2' } })
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['One or more build-args were not consumed: VERSOIN (did you mean VERSION?)'],
  )
})

test('a password in a URL is not shown in history', async () => {
  const { image: result } = await plan('FROM base\nADD https://user:hunter2@host/file /')
  assert.match(result.history[0]?.createdBy ?? '', /^ADD https:\/\/user:\*\*\*@host\/file \/ # buildkit$/)
})

test('a volume whose path is empty once its variables are known is refused', async () => {
  await assert.rejects(plan('FROM base\nVOLUME $NOWHERE'), /Dockerfile:2:8\n[^]*path of a volume is empty/)
})

test('an ARG hides the ENV before it in its own stage only', async () => {
  const { image, steps } = await plan(
    'FROM base AS a\nENV L=env\nARG L=arg N\nENV A=$L\nFROM a\nENV B=$L\nRUN x',
    { images: { base: {} } },
  )
  assert.deepEqual(image.config.Env, ['L=env', 'A=arg', 'B=env'])
  const run = steps.at(-1)?.op
  assert.ok(run?.kind === 'run')
  assert.deepEqual(run.args, [])
  assert.equal(image.history.at(-1)?.createdBy, 'RUN |2 L=env N= /bin/sh -c x # buildkit')
})

test('TARGETSTAGE is the name of the stage to build, or default', async () => {
  const text = 'FROM base AS app\nARG TARGETSTAGE\nENV S=$TARGETSTAGE'
  assert.deepEqual((await plan(text)).image.config.Env, ['S=app'])
  assert.deepEqual((await plan(text.replace(' AS app', ''))).image.config.Env, ['S=default'])
})

test('what is zero in HEALTHCHECK is left to the runtime; ports of history are sorted; triggers are no history', async () => {
  const { image } = await plan(
    'FROM base\nHEALTHCHECK --retries=0 --interval=0s --timeout=3s CMD x\nEXPOSE 90 8080/udp\nONBUILD RUN y',
  )
  assert.deepEqual(image.config.Healthcheck, { Test: ['CMD-SHELL', 'x'], Timeout: 3e9 })
  assert.deepEqual(
    image.history.map(({ createdBy }) => createdBy),
    ['HEALTHCHECK --retries=0 --interval=0s --timeout=3s CMD x', 'EXPOSE [8080/udp 90/tcp]'],
  )
})

test('a trigger takes build arguments, and an error of it names it at the FROM', async () => {
  const images = { parent: { OnBuild: ['ARG WHO', 'COPY --from=assets /a /b'] } }
  const good = await plan('FROM base AS assets\nFROM parent', { images, buildArgs: { WHO: 'me' } })
  assert.deepEqual(good.warnings, [])
  await assert.rejects(
    plan('FROM parent', { images }),
    /^MilleError: Dockerfile:1:6\n>  1 \| FROM parent\n     \|      \^{6}\nerror: "ONBUILD COPY --from=assets \/a \/b" of the base image: No such image: assets$/,
  )
})
