import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseIgnore } from '../../src/dockerfile/ignore.ts'
import { parseDockerfile } from '../../src/dockerfile/parser.ts'
import type { Problem } from '../../src/dockerfile/problem.ts'
import { isMilleError } from '../../src/util/errors.ts'

// FUZZ_SEED and FUZZ_SECONDS repeat or lengthen a run.
const seed = Number(process.env['FUZZ_SEED'] ?? 1)
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 2)

/** A small deterministic generator (mulberry32): the same seed mutates the same way. */
function createRandom(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const testdata = join(import.meta.dirname, '../../src/dockerfile/testdata')
const corpus = readdirSync(testdata, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('Dockerfile'))
  .map((file) => readFileSync(join(testdata, file)))
  .filter(({ length }) => length < 10_000)
const tokens = [
  '\\\n',
  '\r\n',
  '${',
  '}',
  '"',
  "'",
  '<<E\n',
  '<<-',
  '[',
  ']',
  '--from=',
  '$A',
  '//',
  '*',
  '#',
  '\t',
  '\0',
]
const more = [
  '\nFROM ',
  '\nCOPY ',
  '\nONBUILD ',
  '\nRUN ',
  '\nENV ',
  '=',
  ':',
  '@',
  '/',
  '..',
  '`',
  '\u{1F600}',
  '\uFEFF',
  ' AS ',
]
const pieces = [...tokens, ...more].map((text) => Buffer.from(text))

function mutate(bytes: Buffer, random: (below: number) => number): Buffer<ArrayBuffer> {
  const at = random(bytes.length + 1)
  const to = Math.min(bytes.length, at + random(20))
  const other = corpus[random(corpus.length)] ?? bytes
  const start = random(other.length + 1)
  const inserted = [
    pieces[random(pieces.length)] ?? bytes,
    Buffer.from([random(256)]),
    other.subarray(start, start + random(60)),
    Buffer.alloc(0),
  ][random(4)]
  return Buffer.concat([bytes.subarray(0, at), inserted ?? bytes, bytes.subarray(random(2) === 0 ? at : to)])
}

/** Lines as an editor counts them; an empty file has one. */
function countLines(bytes: Buffer): number {
  return bytes.toString('latin1').split('\n').length
}

function assertRefused(error: unknown, bytes: Buffer): void {
  const shown = JSON.stringify(bytes.toString('latin1'))
  assert.ok(
    isMilleError(error, 'DOCKERFILE_INVALID', 'DOCKERFILE_FLAG_UNSUPPORTED'),
    `${String(error)} for ${shown}`,
  )
  const problems = error.details['problems'] as readonly Problem[]
  assert.ok(problems.length > 0)
  for (const { line, column, startLine, endLine } of problems) {
    const isInside = line >= 1 && column >= 1 && startLine >= 1 && startLine <= line && line <= endLine
    assert.ok(
      isInside && endLine <= countLines(bytes),
      `${line}:${column} of ${startLine}-${endLine} in ${shown}`,
    )
  }
  assert.doesNotMatch(error.message, /[\x00-\x08\x0b-\x1f\x7f]/)
}

test(`mutated Dockerfiles parse or are refused with a line of the file (seed ${seed})`, () => {
  const random = createRandom(seed)
  const end = Date.now() + seconds * 1000
  const outcomes = { parsed: 0, refused: 0 }
  while (Date.now() < end) {
    let bytes: Buffer = corpus[random(corpus.length)] ?? Buffer.alloc(0)
    for (let count = 1 + random(6); count > 0; count--) bytes = mutate(bytes, random)
    try {
      const { warnings, stages } = parseDockerfile(bytes)
      outcomes.parsed++
      const lines = countLines(bytes)
      for (const { range } of [...warnings, ...stages])
        assert.ok(range.start.line >= 1 && range.end.line <= lines)
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      assertRefused(error, bytes)
      outcomes.refused++
    }
    try {
      parseIgnore(bytes.toString('utf8'), '.dockerignore').match('src/a.ts')
    } catch (error) {
      assert.ok(isMilleError(error, 'IGNORE_PATTERN_INVALID'), String(error))
    }
  }
  assert.ok(outcomes.parsed > 0 && outcomes.refused > 0, JSON.stringify(outcomes))
})
