import assert from 'node:assert/strict'
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

test('a line without end is handed on in pieces', async () => {
  writeFileSync(path, `${stamp(1)} stdout P ${'x'.repeat(8000)}\n`.repeat(300))
  const all = await lines()
  assert.ok(all.length >= 2)
  assert.equal(
    all.reduce((sum, line) => sum + line.length - 'stdout '.length, 0),
    300 * 8000,
  )
})
