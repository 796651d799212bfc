import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { EngineEvent, EventLog } from '../event-log.ts'
import { openEventLog } from './event-file.ts'

let root: string

before(() => {
  root = mkdtempSync(join(tmpdir(), 'mille-events-'))
})
after(() => rmSync(root, { recursive: true }))

const event = (id: string, text = ''): Omit<EngineEvent, 'time'> => ({
  type: 'container',
  action: 'start',
  id,
  attributes: { text },
})

async function idsOf(log: EventLog, since?: bigint): Promise<string[]> {
  const until = BigInt(Date.now() + 1) * 1_000_000n
  const events = await Array.fromAsync(log.read({ since: since ?? 0n, until }))
  return events.map(({ id }) => id)
}

test('events of all writers are replayed in order, from a moment on when asked', async () => {
  const folder = join(root, 'replay')
  const [one, other] = [openEventLog(folder), openEventLog(folder)]
  assert.deepEqual(await idsOf(one), [])
  one.append(event('1'))
  other.append(event('2'))
  one.append(event('3'))
  assert.deepEqual(await idsOf(other), ['1', '2', '3'])
  const [first] = await Array.fromAsync(one.read({ since: 0n, until: BigInt(Date.now()) * 1_000_000n }))
  assert.ok(first)
  assert.equal((await idsOf(one, first.time + 1n)).includes('1'), false)
})

test('a follower sees what comes, over files that are put aside, and the log stays within its bound', async () => {
  const folder = join(root, 'follow')
  const log = openEventLog(folder)
  log.append(event('past'))
  const ending = new AbortController()
  const wanted = 900
  const reader = log.read({ signal: ending.signal })
  const next = reader.next()
  const big = 'x'.repeat(10_000)
  const seen: string[] = []
  for (let index = 0; index < wanted; index++) {
    log.append(event(String(index), big))
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (index === 0) seen.push((await next).value?.id ?? '')
  }
  for await (const { id } of reader) {
    seen.push(id)
    if (id === String(wanted - 1)) ending.abort()
  }
  // one that falls far behind may miss what was put aside twice, but never sees one twice or out of order
  assert.deepEqual(
    seen.map(Number),
    seen.map(Number).toSorted((a, b) => a - b),
  )
  assert.equal(new Set(seen).size, seen.length)
  assert.equal(seen.at(0), '0')
  const bytes = readdirSync(join(folder, 'events')).map((name) => statSync(join(folder, 'events', name)).size)
  assert.ok(bytes.reduce((sum, size) => sum + size) < 5 * 1024 * 1024)
  const kept = await idsOf(log)
  assert.ok(kept.length > 150)
  assert.equal(kept.at(-1), String(wanted - 1))
})

test('a line that a full disk cut off hides no other', async () => {
  const folder = join(root, 'torn')
  const log = openEventLog(folder)
  log.append(event('1'))
  appendFileSync(join(folder, 'events', 'events.jsonl'), '\n{"type":"contai')
  log.append(event('2'))
  assert.deepEqual(await idsOf(log), ['1', '2'])
})

test('what cannot be written is no failure', () => {
  const folder = join(root, 'file')
  appendFileSync(folder, '')
  openEventLog(folder).append(event('1'))
})
