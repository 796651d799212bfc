import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Ran, type TestMille, testMille } from '../support/mille.ts'

let mille: TestMille
let folder: string

before(() => {
  mille = testMille()
  folder = mkdtempSync(join(tmpdir(), 'mille-check-'))
})
after(() => {
  mille[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

function build(lines: readonly string[], ...flags: readonly string[]): Ran {
  writeFileSync(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`)
  return mille.run(['build', ...flags, '.'], { cwd: folder })
}

const faulty = ['FROM scratch', 'ENV A=$NOPE', 'CMD echo a \\', '  b']
const page = 'https://docs.docker.com/go/dockerfile/rule'

test('--check prints what buildx prints, and fails only when something was found', () => {
  const { code, out, err } = build(faulty, '--check')
  assert.equal(
    out,
    `Check complete, 2 warnings have been found!

WARNING: UndefinedVar - ${page}/undefined-var/
Usage of undefined variable '$NOPE'
Dockerfile:2
--------------------
   1 |     FROM scratch
   2 | >>> ENV A=$NOPE
   3 |     CMD echo a \\
   4 |       b
--------------------

WARNING: JSONArgsRecommended - ${page}/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:3
--------------------
   2 |     ENV A=$NOPE
   3 | >>> CMD echo a \\
   4 | >>>   b
   5 |     
--------------------
`,
  )
  assert.equal(err, '')
  assert.equal(code, 1)
  const sound = build(['FROM scratch', 'CMD ["a"]'], '--call=check')
  assert.deepEqual(sound, { code: 0, out: 'Check complete, no warnings found.\n', err: '' })
})

test('advice of mille itself does not fail a check', () => {
  const { code, out } = build(['FROM scratch', 'RUN apt-get install -y curl'], '--check')
  assert.match(out, /^Check complete, no warnings found\.\n\nHINT: AptRecommends\n/)
  assert.equal(code, 0)
})

test('--check as JSON has rule, text and place of each warning, and the problems of a broken file', () => {
  const { out } = build(faulty, '--call=check,format=json')
  const { warnings, sources } = JSON.parse(out) as {
    warnings: Record<string, unknown>[]
    sources: { filename: string; data: string }[]
  }
  const line = (number: number): unknown => ({ start: { line: number }, end: { line: number } })
  assert.equal(warnings[1]?.['ruleName'], 'JSONArgsRecommended')
  assert.equal(warnings[1]?.['url'], `${page}/json-args-recommended/`)
  assert.deepEqual(warnings[1]?.['location'], { ranges: [line(3), line(4)] })
  assert.equal(Buffer.from(sources[0]?.data ?? '', 'base64').toString(), `${faulty.join('\n')}\n`)

  const broken = build(['FROM scratch', 'COPPY a b', 'ENV A'], '--check', '--call=check,format=json')
  assert.equal(broken.code, 1)
  const { buildError } = JSON.parse(broken.out) as {
    buildError: { message: string; problems: Record<string, unknown>[] }
  }
  assert.equal(buildError.message, 'unknown instruction "COPPY"')
  assert.deepEqual(
    buildError.problems.map(({ line, column, suggestion }) => [line, column, suggestion]),
    [
      [2, 1, 'COPY'],
      [3, 5, undefined],
    ],
  )
})

test('errors have the form of compilers, and the same as fields with --format json', () => {
  const lines = ['FROM scratch', 'ENV A=1', 'COPPY a /a']
  const { code, err } = build(lines)
  assert.equal(code, 1)
  assert.equal(
    err,
    `Dockerfile:3:1
   1 | FROM scratch
   2 | ENV A=1
>  3 | COPPY a /a
     | ^^^^^
error: unknown instruction "COPPY" (did you mean COPY?)
ERROR: failed to build: unknown instruction "COPPY" (did you mean COPY?)
`,
  )
  for (const flag of ['--format=json', '--progress=rawjson']) {
    assert.deepEqual(JSON.parse(build(lines, flag).err), {
      type: 'failed',
      code: 'DOCKERFILE_INVALID',
      message: 'unknown instruction "COPPY" (did you mean COPY?)',
      problems: [
        {
          file: 'Dockerfile',
          line: 3,
          column: 1,
          startLine: 3,
          endLine: 3,
          kind: 'unknown-instruction',
          message: 'unknown instruction "COPPY"',
          suggestion: 'COPY',
        },
      ],
    })
  }
})

test('the caret of what only a build finds out stands below the very word', () => {
  const { err } = build(['FROM scratch', 'COPY \\', '  Dockerfile \\', '  nothing /x/'], '--progress=none')
  assert.match(
    err,
    /^Dockerfile:4:3\n   1 \| FROM scratch\n>  2 \| COPY \\\n>  3 \|   Dockerfile \\\n>  4 \|   nothing \/x\/\n     \|   \^{7}\nerror: "nothing" is not in/,
  )
  const fields = JSON.parse(
    build(['FROM scratch', 'ADD http://127.0.0.1:1/x /x'], '--format=json').err.split('\n').at(-2) ?? '',
  ) as {
    problems: Record<string, unknown>[]
  }
  assert.deepEqual([fields.problems[0]?.['line'], fields.problems[0]?.['column']], [2, 5])
})

test('a build shows its warnings at the end, with lines on demand; -q shows none', () => {
  const { code, err } = build(faulty)
  assert.equal(code, 0)
  const list = `
 2 warnings found (use mille --debug to expand):
 - UndefinedVar: Usage of undefined variable '$NOPE' (line 2)
 - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 3)
`
  assert.ok(err.endsWith(list), err)
  assert.match(
    build(faulty, '--debug').err,
    /2 warnings found:\n - UndefinedVar: [^\n]*\nVariables should be[^\n]*\nMore info: https[^\n]*\nDockerfile:2\n-+\n   1 \|     FROM scratch\n   2 \| >>> ENV/,
  )
  assert.equal(build(faulty, '-q').err, '')
})

test('check=error=true ends the build, the build argument in its place decides', () => {
  const strict = ['# check=error=true', ...faulty]
  const { code, err } = build(strict, '-t', 'strict')
  assert.equal(code, 1)
  assert.match(err, /failed to build: lint violation found for rules: UndefinedVar, JSONArgsRecommended\n$/)
  assert.equal(mille.ok('images', '-q', 'strict'), '')
  const check = (options: string): string[] => ['--build-arg', `BUILDKIT_DOCKERFILE_CHECK=${options}`]
  assert.equal(build(strict, ...check('skip=all')).code, 0)
  assert.equal(build(faulty, ...check('error=true;skip=UndefinedVar')).code, 1)
  assert.match(
    build(faulty, ...check('nope=1')).err,
    /BUILDKIT_DOCKERFILE_CHECK: invalid check option "nope"/,
  )
})

test('a base image that cannot be reached does not hide what else is found', () => {
  const { code, out } = build(
    ['FROM 127.0.0.1:1/none AS a', 'CMD echo', 'FROM scratch', 'MAINTAINER x'],
    '--check',
  )
  assert.equal(code, 1)
  assert.match(out, /2 warnings have been found/)
  assert.match(out, /Dockerfile:1:6\n[^]*error: /)
})

const described = [
  '# BASE is what it starts from',
  'ARG BASE=scratch',
  'ARG UNUSED=1',
  'FROM $BASE AS base',
  '# LEVEL of detail',
  'ARG LEVEL=3 TARGETARCH',
  '# app runs',
  'FROM base AS app',
  'ARG BASE',
  'ARG WORDS="$LEVEL $BASE"',
  'FROM scratch',
  'ARG OTHER',
]

test('--call=outline lists what the target takes', () => {
  const { out } = build(described, '--call=outline', '--target=app', '--build-arg=LEVEL=5')
  assert.equal(
    out,
    `TARGET:      app
DESCRIPTION: runs

BUILD ARG   VALUE       DESCRIPTION
BASE        scratch     is what it starts from
LEVEL       5           of detail
WORDS       5 scratch   

`,
  )
  const json = JSON.parse(build(described, '--call=outline,format=json').out) as { args: unknown[] }
  assert.deepEqual(json.args, [
    { name: 'OTHER', location: { ranges: [{ start: { line: 12 }, end: { line: 12 } }] } },
  ])
})

test('--call=outline lists the secrets and agents that steps mount', () => {
  const lines = [
    'FROM scratch AS tools',
    'RUN --mount=type=secret,id=token --mount=type=ssh true',
    'FROM scratch',
    'ARG ID=key',
    'RUN --mount=type=secret,id=$ID,required --mount=from=tools,target=/t true',
  ]
  assert.equal(
    build(lines, '--call=outline').out,
    `BUILD ARG   VALUE   DESCRIPTION
ID          key     

SECRET   REQUIRED
token    
key      true

SSH       REQUIRED
default   

`,
  )
})

test('--call=targets lists the stages, --call=subrequests.describe the methods', () => {
  assert.equal(
    build(described, '--call=targets').out,
    'TARGET    DESCRIPTION\nbase      \napp       runs\n(default) \n',
  )
  const { targets } = JSON.parse(build(described, '--call=targets,format=json').out) as { targets: unknown[] }
  assert.deepEqual(targets[1], {
    name: 'app',
    description: 'runs',
    base: 'base',
    location: { ranges: [{ start: { line: 8 }, end: { line: 8 } }] },
  })
  assert.match(
    build(described, '--call=subrequests.describe').out,
    /^NAME +VERSION DESCRIPTION\noutline +1\.0\.0 /,
  )
  assert.match(
    build(described, '--call=targts').err,
    /unsupported request frontend\.targts: did you mean targets\?/,
  )
})
