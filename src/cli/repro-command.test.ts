import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildWish } from '../builder/build.ts'
import type { ReproReport } from '../builder/repro/repro-report.ts'
import { runCli, type CliResult } from '../../test/support/run-cli.ts'
import { sha256 } from '../oci/digest.ts'

const id = sha256('first')
const second = sha256('second')
const excerpt = (text: string, from: number = 0): { from: number; bytes: Buffer } => ({
  from,
  bytes: Buffer.from(text, 'latin1'),
})

async function check(
  report: ReproReport,
  ...flags: readonly string[]
): Promise<CliResult & { readonly wish: BuildWish | undefined }> {
  let wish: BuildWish | undefined
  const builder = {
    repro: (given: BuildWish): Promise<ReproReport> => {
      wish = given
      return Promise.resolve(report)
    },
  }
  return { ...(await runCli(['repro', 'check', ...flags, '/'], { builder })), wish }
}

test('identical builds are one line with the digest; the flags are those of build', async () => {
  const { code, out, wish } = await check({ id, second: id }, '--target', 'x', '--build-arg', 'A=1')
  assert.deepEqual([code, out], [0, `reproducible: two builds gave ${id}\n`])
  assert.equal(wish?.target, 'x')
  assert.deepEqual(wish?.buildArgs, { A: '1' })
})

test('a difference inside a long file is shown with the rows around it; names cannot forge lines', async () => {
  const step = { name: 'RUN x\nERROR: \x1b[31m', stage: 's', file: 'Dockerfile', line: 7 }
  const first = excerpt('0123456789abcdef0123456789abcdefONE\x00\xff', 992)
  const difference = {
    step,
    part: 'content',
    path: '/a\nb',
    offset: 1024,
    first,
    second: excerpt('0123456789abcdef0123456789abcdef', 992),
  }
  const { code, out } = await check({ id, second, difference })
  assert.equal(code, 1)
  assert.deepEqual(out.split('\n'), [
    `not reproducible: ${id} and ${second}`,
    'Dockerfile:7: RUN x\\nERROR: \\x1b[31m',
    '  /a\\nb: byte 1024 differs',
    '    first   000003f0  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|',
    '    first   00000400  4f 4e 45 00 ff                                   |ONE..|',
    '    second  000003f0  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|',
    '',
  ])
})

test('where it got into the image, and what differed before', async () => {
  const difference = { part: 'content', path: '/a', offset: 0, first: excerpt('one'), second: excerpt('two') }
  const step = { name: 'COPY --from=s /a /b', stage: 't', file: 'Dockerfile', line: 3 }
  const inImage = { ...difference, step, path: '/b' }
  const earlier = { part: 'mode', path: '/c', offset: 0, first: excerpt('0644'), second: excerpt('0600') }
  const { out } = await check({ id, second, difference, inImage, earlier })
  assert.deepEqual(out.trimEnd().split('\n').slice(1), [
    '  /a: byte 0 differs',
    '    first   00000000  6f 6e 65                                         |one|',
    '    second  00000000  74 77 6f                                         |two|',
    'it got into the image by',
    'Dockerfile:3: COPY --from=s /a /b',
    '  /b: byte 0 differs',
    'a step before it differed already',
    '  /c: mode differs',
    '    first   0644',
    '    second  0600',
  ])
})

test('fields, missing entries, the config and the base', async () => {
  const lines = async (difference: NonNullable<ReproReport['difference']>): Promise<string[]> =>
    (await check({ id, second, difference })).out.trimEnd().split('\n').slice(1)
  const [one, two] = [excerpt('0644'), excerpt('0755')]
  assert.deepEqual(await lines({ part: 'mode', path: '/a', offset: 1, first: one, second: two }), [
    '  /a: mode differs',
    '    first   0644',
    '    second  0755',
  ])
  assert.deepEqual(await lines({ part: 'presence', path: '/a', offset: 0, second: excerpt('a') }), [
    '  /a: only in one of the builds',
    '    first   (nothing)',
    '    second  a',
  ])
  assert.deepEqual(
    (await lines({ part: 'config', path: 'config.Env[1]', offset: 0, first: one, second: two }))[0],
    '  image config: config.Env[1] differs',
  )
  const platform = { os: 'linux', architecture: 'arm64' }
  const step = { name: 'FROM a', stage: 's', file: 'Dockerfile', line: 1 }
  assert.deepEqual(
    (await lines({ step, platform, part: 'base', offset: 0, first: one, second: two })).slice(0, 2),
    ['[linux/arm64] Dockerfile:1: FROM a', '  the base is another image'],
  )
})

test('--json has everything as fields', async () => {
  const step = { name: 'RUN x', stage: 's', file: 'Dockerfile', line: 7 }
  const difference = {
    step,
    part: 'content',
    path: '/a',
    offset: 1,
    first: excerpt('a\x00'),
    second: excerpt('ab'),
  }
  const { out } = await check(
    { id, second, difference, inImage: { part: 'presence', path: '/b', offset: 0 } },
    '--json',
  )
  assert.deepEqual(JSON.parse(out), {
    reproducible: false,
    id,
    second,
    difference: {
      step,
      part: 'content',
      path: '/a',
      offset: 1,
      first: { from: 0, text: 'a\\x00', hex: '6100' },
      second: { from: 0, text: 'ab', hex: '6162' },
    },
    inImage: { part: 'presence', path: '/b', offset: 0, first: null, second: null },
  })
})
