import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { recheck } from './checks.ts'
import { resolveBase, resolveGlobalArgs } from './global-args.ts'
import { expandAt } from './located.ts'
import { parseDockerfile, parseInstruction } from './parser.ts'
import { platformArgValues } from './predefined-args.ts'
import { renderProblem } from './problem.ts'
import type { Problem } from './problem.ts'
import { findCopyStage, getTarget } from './stages.ts'

function errorOf(run: () => unknown): { code: string; message: string; problems: readonly Problem[] } {
  try {
    run()
  } catch (error) {
    assert.ok(isMilleError(error))
    const problems = (error.details['problems'] ?? []) as readonly Problem[]
    return { code: error.code, message: error.message, problems }
  }
  return assert.fail('no error')
}

test('problems are data too, and render to the message', () => {
  const source = 'FROM scratch\nENV A=1\nCOPPY a /a\n'
  const { message, problems } = errorOf(() => parseDockerfile(source, { fileName: 'app/Dockerfile' }))
  const [problem] = problems
  assert.ok(problem)
  assert.deepEqual(problem, {
    file: 'app/Dockerfile',
    line: 3,
    column: 1,
    length: 5,
    startLine: 3,
    endLine: 3,
    kind: 'unknown-instruction',
    message: 'unknown instruction "COPPY"',
    suggestion: 'COPY',
  })
  assert.equal(renderProblem(problem, source), message)
})

test('a long line is cut around the caret', () => {
  const source = `FROM a\nENV ${'A=1 '.repeat(100)}B ${'C=1 '.repeat(100)}\n`
  const [, , line = '', caret = ''] = errorOf(() => parseDockerfile(source)).message.split('\n')
  assert.ok(line.length < 140)
  assert.equal(line.charAt(caret.indexOf('^')), 'B')
})

test('the first problem decides the code', () => {
  assert.equal(
    errorOf(() => parseDockerfile('FROM a\nRUN --device=a b\nX\n')).code,
    'DOCKERFILE_FLAG_UNSUPPORTED',
  )
  assert.equal(errorOf(() => parseDockerfile('FROM a\nX\nRUN --device=a b\n')).code, 'DOCKERFILE_INVALID')
})

test('the built-in frontend is known by any tag or digest, BUILDKIT_SYNTAX wins', () => {
  for (const syntax of [
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile-upstream:master@sha256:00',
    'dockerfile.v0',
  ]) {
    assert.equal(parseDockerfile(`# syntax=${syntax}\nFROM a\n`).directives.syntax?.value, syntax)
  }
  assert.equal(parseDockerfile('# syntax=other/x\nFROM a\n', { syntax: 'dockerfile.v0' }).stages.length, 1)
  assert.match(
    errorOf(() => parseDockerfile('FROM a\n', { syntax: 'other/x' })).message,
    /frontend image "other\/x"/,
  )
})

test('a syntax line after an instruction is a comment', () => {
  assert.equal(parseDockerfile('FROM a\n# syntax=other/x\n').directives.syntax, undefined)
})

test('check directive: skips rules or all of them, names the misspelt one', () => {
  const body = 'FROM a\nMAINTAINER x\nCMD a\n'
  const rules = (head: string, check?: string): string[] =>
    parseDockerfile(head + body, check === undefined ? {} : { check }).warnings.map(({ rule }) => rule)
  assert.deepEqual(rules(''), ['MaintainerDeprecated', 'JSONArgsRecommended'])
  assert.deepEqual(rules('# check=skip=JSONArgsRecommended\n'), ['MaintainerDeprecated'])
  assert.deepEqual(rules('# check=skip=all\n'), [])
  assert.deepEqual(rules('# check=skip=all\n', ''), ['MaintainerDeprecated', 'JSONArgsRecommended'])
  assert.deepEqual(rules('', 'skip=all'), [])
  const [first] = parseDockerfile(`# check=skip=JsonArgsRecommended\n${body}`).warnings
  assert.equal(first?.message, "Unknown check rule 'JsonArgsRecommended' (did you mean JSONArgsRecommended?)")
  assert.equal(first?.hint, 'build')
  for (const text of ['foo=bar', 'skip', 'error=maybe']) {
    assert.match(errorOf(() => rules(`# check=${text}\n`)).message, /invalid check option/, text)
    assert.match(errorOf(() => rules('', text)).message, /BUILDKIT_DOCKERFILE_CHECK/, text)
  }
})

test('experimental rules run when asked for, whatever is skipped', () => {
  const rules = (head: string): string[] =>
    parseDockerfile(`${head}# other\nARG A\nFROM a\n`).warnings.map(({ rule }) => rule)
  assert.deepEqual(rules(''), [])
  assert.deepEqual(rules('# check=experimental=all\n'), ['InvalidDefinitionDescription'])
  assert.deepEqual(rules('# check=skip=all;experimental=InvalidDefinitionDescription\n'), [
    'InvalidDefinitionDescription',
  ])
})

test('variables are checked again when the base is known', () => {
  const dockerfile = parseDockerfile('FROM a\nENV X=$FROM_BASE Y=$NOWHERE\n')
  assert.deepEqual(dockerfile.warnings, [])
  const env = new Map([['FROM_BASE', '1']])
  const bases = new Map([[0, { env, args: new Set<string>(), hasShell: false }]])
  const none = new Map<string, string>()
  const messages = recheck(dockerfile, { bases, buildArgs: none, globals: none }).map(
    ({ message }) => message,
  )
  assert.deepEqual(messages, ["Usage of undefined variable '$NOWHERE'"])
})

test('bases come from global args, build args first', () => {
  const dockerfile = parseDockerfile(
    'ARG V=3\nARG BASE=alpine:$V\nARG NONE\nFROM $BASE AS x\nFROM X\nFROM ${NONE}\n',
  )
  const [first, second, third] = dockerfile.stages
  assert.ok(first && second && third)
  const none = new Map<string, string>()
  assert.equal(resolveBase(dockerfile, first, resolveGlobalArgs(dockerfile, none, none)), 'alpine:3')
  const globals = resolveGlobalArgs(dockerfile, new Map([['V', '4']]), none)
  assert.equal(resolveBase(dockerfile, first, globals), 'alpine:4')
  assert.equal(resolveBase(dockerfile, second, globals), 'X')
  const { message } = errorOf(() => resolveBase(dockerfile, third, globals))
  assert.match(message, /^Dockerfile:6:6\n[^]*base name is empty because NONE has no value/)
})

test('an error in a value found later names its line and column', () => {
  const dockerfile = parseDockerfile('FROM a\nWORKDIR /x/${V:?give V}\n')
  const [instruction] = dockerfile.stages[0]?.instructions ?? []
  assert.ok(instruction?.kind === 'WORKDIR')
  const { message } = errorOf(() => expandAt(dockerfile, instruction, instruction.path, () => undefined))
  assert.match(message, /^Dockerfile:2:12\n[^]*error: V: give V$/)
})

test('finds the stage to build and the stages COPY names', () => {
  const dockerfile = parseDockerfile('FROM a AS Build\nFROM b AS build\nFROM c AS test\n')
  assert.equal(getTarget(dockerfile).index, 2)
  assert.equal(getTarget(dockerfile, 'BUILD').index, 1)
  assert.equal(getTarget(dockerfile, '0').index, 0)
  const { message } = errorOf(() => getTarget(dockerfile, 'buidl'))
  assert.equal(message, 'no stage "buidl" in Dockerfile (did you mean build?); stages: build, build, test')
  const last = getTarget(dockerfile)
  assert.equal(findCopyStage(dockerfile, last, 'build')?.index, 1)
  assert.equal(findCopyStage(dockerfile, last, '0')?.index, 0)
  assert.equal(findCopyStage(dockerfile, last, 'busybox'), undefined)
})

test('single instructions for --change and triggers', () => {
  const env = parseInstruction('env A=1', { allowed: ['ENV', 'CMD'] })
  assert.ok(env.kind === 'ENV' && env.pairs[0]?.value.text === '1')
  const run = parseInstruction('RUN <<E\nlater\nE')
  assert.ok(run.kind === 'RUN' && run.command.form === 'script' && run.command.heredoc.content === 'later\n')
  for (const text of ['RUN x', 'FROM a', '', '# x', 'ENV A=1\nENV B=1', 'CMDD x']) {
    assert.equal(
      errorOf(() => parseInstruction(text, { allowed: ['ENV', 'CMD'] })).code,
      'DOCKERFILE_INVALID',
      text,
    )
  }
})

test('platform arguments have the parts of both platforms', () => {
  const arm = { os: 'linux', architecture: 'arm', variant: 'v7' }
  const values = platformArgValues(arm, { os: 'linux', architecture: 'amd64' }, 'app')
  assert.equal(values.get('TARGETPLATFORM'), 'linux/arm/v7')
  assert.equal(values.get('BUILDPLATFORM'), 'linux/amd64')
  assert.equal(values.get('BUILDVARIANT'), '')
  assert.equal(values.get('TARGETSTAGE'), 'app')
})

test('limits are named: instructions, stages, length', () => {
  const kinds = (source: string): string | undefined =>
    errorOf(() => parseDockerfile(source)).problems[0]?.kind
  assert.equal(kinds('FROM a\n' + 'ENV A=1\n'.repeat(100_000)), 'limit')
  assert.equal(kinds('FROM a\n'.repeat(1_100)), 'limit')
  assert.equal(kinds('FROM a\nRUN ' + `${'x'.repeat(60_000)}\\\n`.repeat(20)), 'limit')
  assert.equal(kinds('FROM a\n'.repeat(2_000_000)), 'limit')
  assert.equal(kinds(`FROM a\nCOPY ${'<<a '.repeat(2_000)}/x/\n${'a\n'.repeat(2_000)}`), 'limit')
})

test('a continuation of a million empty lines is one warning', () => {
  const { warnings } = parseDockerfile(`FROM a\nRUN x \\\n${'\n'.repeat(1_000_000)}`)
  assert.deepEqual(
    warnings.map(({ rule }) => rule),
    ['NoEmptyContinuation'],
  )
})
