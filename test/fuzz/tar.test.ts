import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLayerEntry } from '../../src/tar/check-entry.ts'
import type { TarEntry } from '../../src/tar/entry.ts'
import { TarParser } from '../../src/tar/parser.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { rawEnd, rawEntry, rawHeader, rawPax } from '../support/raw-tar.ts'

/** `FUZZ_SEED` repeats one case; `FUZZ_SECONDS` runs longer. */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 2)
const onlySeed = process.env['FUZZ_SEED']

/** A small seeded generator (mulberry32): the same seed gives the same archive everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
type Random = ReturnType<typeof randomFrom>

const names = [
  'f',
  './a/b',
  '/etc/passwd',
  '../up',
  'a/../../b',
  '.wh.x',
  'd/.wh..wh..opq',
  '.wh...',
  'né',
  'x\n',
  '',
  '.',
  'd/',
]
const numbers = [
  '0',
  '1',
  '-1',
  '512',
  '2097152',
  '4294967295',
  '9007199254740992',
  '1e3',
  '',
  'x',
  '18446744073709551616',
]
const keys = [
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'SCHILY.xattr.user.a',
  'LIBARCHIVE.xattr.user.b',
  'GNU.sparse.size',
  'GNU.sparse.map',
  'GNU.sparse.major',
  'GNU.sparse.realsize',
  'GNU.sparse.name',
  'GNU.sparse.offset',
  'GNU.sparse.numbytes',
  'comment',
]
const types = ['0', '\0', '1', '2', '3', '4', '5', '6', '7', 'S', 'Z', 'g', 'V']

function pick<Value>(random: Random, from: readonly Value[]): Value {
  return from[random(from.length)] as Value
}

function randomBlocks(random: Random): Buffer {
  const kind = random(10)
  const data = 'd'.repeat(random(1500))
  if (kind < 3) return rawEntry({ name: pick(random, names) }, data)
  if (kind < 5) {
    const key = (): string => pick(random, keys)
    const value = (): string =>
      random(3) === 0 ? '0,10,512,3' : pick(random, random(2) === 0 ? names : numbers)
    return rawPax({ [key()]: value(), [key()]: value() }, random(8) === 0 ? 'g' : 'x')
  }
  if (kind === 5) return rawEntry({ type: pick(random, ['L', 'K']) }, `${pick(random, names)}\0`)
  if (kind === 6) return Buffer.alloc(512 * random(3))
  if (kind === 7) return rawEntry({ size: pick(random, numbers).slice(0, 12) }, data)
  return rawHeader({ name: pick(random, names), type: pick(random, types), link: pick(random, names) })
}

function randomTar(random: Random): Buffer {
  const parts = Array.from({ length: 1 + random(8) }, () => randomBlocks(random))
  const tar = Buffer.concat([...parts, rawEnd])
  for (let count = random(4); count > 0; count--) {
    const at = random(tar.length)
    tar[at] = random(256)
    // Half of the changes keep the checksum right, so that they reach what lies behind it.
    if (random(2) === 0) fixChecksum(tar, at - (at % 512))
  }
  return random(4) === 0 ? tar.subarray(0, random(tar.length)) : tar
}

function fixChecksum(tar: Buffer, at: number): void {
  const header = tar.subarray(at, at + 512)
  header.fill(0x20, 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

type Outcome = { readonly entries: TarEntry[]; readonly stored: number; readonly code: string }

function parse(tar: Buffer, nextLength: () => number): Outcome {
  const entries: TarEntry[] = []
  let stored = 0
  const parser = new TarParser({
    entry: (entry) => entries.push(entry),
    data: (bytes) => {
      stored += bytes.length
    },
  })
  try {
    for (let at = 0; at < tar.length;) {
      const length = nextLength()
      parser.push(tar.subarray(at, at + length))
      at += length
    }
    parser.end()
    return { entries, stored, code: '' }
  } catch (error) {
    if (!isMilleError(error)) throw error
    return { entries, stored, code: error.code }
  }
}

/** What must hold of every entry that is let through, whatever the archive. */
function checkOutcome(tar: Buffer, { entries, stored, code }: Outcome): void {
  let end = 0
  for (const entry of entries) {
    assert.ok(entry.offset >= end + 512 && entry.offset % 512 === 0, 'entries do not overlap')
    assert.ok(Number.isSafeInteger(entry.size) && entry.storedSize >= 0)
    assert.ok(entry.uid >= 0 && entry.uid < 2 ** 32 - 1)
    assert.ok(!entry.path.includes('\0'))
    for (const { tarOffset, length, offset } of entry.sparse ?? [])
      assert.ok(
        tarOffset >= entry.offset &&
          tarOffset + length <= entry.offset + entry.storedSize &&
          offset + length <= entry.size,
      )
    end = entry.offset + entry.storedSize
    checkClean(entry)
  }
  if (code !== '') return
  assert.ok(end <= tar.length, 'all data is there')
  assert.equal(
    stored,
    entries.reduce((sum, { storedSize }) => sum + storedSize, 0),
  )
}

function checkClean(entry: TarEntry): void {
  try {
    const { path, linkPath } = checkLayerEntry(entry)
    for (const clean of [path, linkPath ?? ''])
      assert.ok(clean === '' || !clean.split('/').some((part) => ['', '.', '..'].includes(part)), clean)
  } catch (error) {
    if (!isMilleError(error)) throw error
  }
}

test('hostile tar headers: a stated error or sound entries, and the same however the input is cut', () => {
  const until = Date.now() + seconds * 1000
  let accepted = 0
  let refused = 0
  for (
    let seed = Number(onlySeed ?? 1);
    onlySeed !== undefined ? seed === Number(onlySeed) : Date.now() < until;
    seed++
  ) {
    const random = randomFrom(seed)
    const tar = randomTar(random)
    try {
      const whole = parse(tar, () => tar.length)
      checkOutcome(tar, whole)
      assert.deepEqual(
        parse(tar, () => 1 + random(700)),
        whole,
      )
      if (whole.code === '') accepted++
      else refused++
    } catch (error) {
      throw new Error(`FUZZ_SEED=${String(seed)}`, { cause: error })
    }
  }
  if (onlySeed === undefined)
    assert.ok(accepted > 20 && refused > 20, `${String(accepted)} accepted, ${String(refused)} refused`)
})
