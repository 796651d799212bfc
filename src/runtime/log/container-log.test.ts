import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readContainerLog } from './container-log.ts'
import type { ContainerLogOptions } from './container-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-log-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'log')

const stamp = (second: number): string =>
  `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000007+01:00`
const time = (second: number): bigint => BigInt(Date.UTC(2026, 0, 2, 2, 4, second)) * 1_000_000n + 7n
const lines = async (options?: ContainerLogOptions): Promise<string[]> =>
  (await Array.fromAsync(readContainerLog(path, options))).map(
    ({ stream, text }) => `${stream} ${text.toString('latin1')}`,
  )

test('pieces of a line are joined for each stream; an unfinished last one comes without newline', async () => {
  writeFileSync(
    path,
    `${stamp(1)} stdout P ab\n${stamp(2)} stderr F err\n${stamp(3)} stdout F c\n${stamp(4)} stdout F \n${stamp(5)} stdout P end\n`,
  )
  const records = await Array.fromAsync(readContainerLog(path))
  assert.deepEqual(
    records.map(({ stream, time, text }) => [stream, time, text.toString()]),
    [
      ['stderr', time(2), 'err\n'],
      ['stdout', time(1), 'abc\n'],
      ['stdout', time(4), '\n'],
      ['stdout', time(5), 'end'],
    ],
  )
})

test('tail counts joined lines, also in a long log; since and until bound the time', async () => {
  const text = Array.from(
    { length: 20_000 },
    (_, index) => `${stamp(index % 60)} stdout P a${index}\n${stamp(index % 60)} stdout F -\n`,
  )
  writeFileSync(path, text.join(''))
  assert.deepEqual(await lines({ tail: 2 }), ['stdout a19998-\n', 'stdout a19999-\n'])
  assert.deepEqual(await lines({ tail: 0 }), [])
  writeFileSync(path, [1, 2, 3, 4].map((second) => `${stamp(second)} stdout F ${second}\n`).join(''))
  assert.deepEqual(await lines({ since: time(2), until: time(3) }), ['stdout 2\n', 'stdout 3\n'])
})

test('follow yields what is written later and ends when told', async () => {
  writeFileSync(path, `${stamp(1)} stdout F old\n`)
  let ended = false
  const seen: string[] = []
  for await (const { text } of readContainerLog(path, { follow: true, tail: 1, isEnded: () => ended })) {
    seen.push(text.toString())
    if (seen.length === 1) appendFileSync(path, `${stamp(2)} stdout F new\n`)
    else {
      ended = true
      if (seen.length === 2) appendFileSync(path, `${stamp(2)} stdout F last\n`)
    }
  }
  assert.deepEqual(seen, ['old\n', 'new\n', 'last\n'])
})

test('damaged lines are skipped, bytes are kept, no log is an empty one', async () => {
  writeFileSync(
    path,
    Buffer.concat([Buffer.from(`garbage\n${stamp(1)} stdout F a`), Buffer.of(0xff, 0), Buffer.from('b\n\n')]),
  )
  assert.deepEqual(await lines(), ['stdout a\xff\0b\n'])
  rmSync(path)
  assert.deepEqual(await lines(), [])
})

const punch = (offset: number, length: number): void => {
  const range = ['--offset', String(offset), '--length', String(length)]
  execFileSync('fallocate', ['--punch-hole', ...range, path])
}
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${stamp(1)} stdout F line ${from + index}\n`).join('')

test('an oldest part that was dropped is left out, with the line that it cut', async () => {
  writeFileSync(path, numbered(0, 20_000))
  punch(0, 500_001)
  const seen = await lines()
  const first = Number(seen[0]?.split(' ')[2])
  assert.ok(first > 8_000 && first < 10_000)
  assert.deepEqual(
    seen,
    Array.from({ length: 20_000 - first }, (_, index) => `stdout line ${first + index}\n`),
  )
  assert.equal((await lines({ tail: 15_000 })).length, seen.length)
})

test('a reader that follows too slowly is told what it missed', async () => {
  writeFileSync(path, numbered(0, 20_000))
  let ended = false
  const seen: string[] = []
  for await (const { text } of readContainerLog(path, { follow: true, isEnded: () => ended })) {
    seen.push(text.toString())
    if (seen.length === 1) punch(0, 700_000)
    ended = true
  }
  const gap = seen.findIndex((text) => text.startsWith('mille: output was lost here'))
  assert.ok(gap > 0)
  assert.equal(seen.at(-1), 'line 19999\n')
  assert.ok(seen.slice(0, gap).every((text, index) => text === `line ${index}\n`))
})

test('a reader that keeps up does not notice that what is behind it is dropped', async () => {
  writeFileSync(path, numbered(0, 5000))
  let ended = false
  const seen: string[] = []
  for await (const { text } of readContainerLog(path, { follow: true, isEnded: () => ended })) {
    seen.push(text.toString())
    if (seen.length === 5000) {
      punch(0, 200_000)
      appendFileSync(path, numbered(5000, 5010))
    }
    ended = seen.length >= 5000
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 5010 }, (_, index) => `line ${index}\n`),
  )
})

test('a line that a full disk cut short is told, the next one is whole', async () => {
  writeFileSync(path, `${stamp(1)} stdout F whole\n${stamp(1)} stdout F cut sh${stamp(2)} stderr F next\n`)
  const lost = 'stderr mille: output was lost here: the log could not be written, its disk was full\n'
  assert.deepEqual(await lines(), ['stdout whole\n', 'stdout cut sh\n', lost, 'stderr next\n'])
  writeFileSync(path, `${stamp(1)} stdout F at the en`)
  assert.deepEqual(await lines(), [])
  assert.deepEqual(await lines({ isEnded: () => true }), ['stdout at the en\n', lost])
  writeFileSync(
    path,
    `${stamp(1)} stdout F whole\n${stamp(1).slice(0, 20)}${stamp(2)} stderr F next\n${stamp(3)} std`,
  )
  assert.deepEqual(await lines({ isEnded: () => true }), ['stdout whole\n', lost, 'stderr next\n', lost])
  // a process may print such logs: their times lie before the record's own
  writeFileSync(path, `${stamp(2)} stdout F > ${stamp(1)} stderr F quoted\n`)
  assert.deepEqual(await lines(), [`stdout > ${stamp(1)} stderr F quoted\n`])
})

test('a line without end is handed on in pieces', async () => {
  writeFileSync(path, `${stamp(1)} stdout P ${'x'.repeat(8000)}\n`.repeat(300))
  const all = await lines()
  assert.ok(all.length >= 2)
  assert.equal(
    all.reduce((sum, line) => sum + line.length - 'stdout '.length, 0),
    300 * 8000,
  )
})
