import { strict as assert } from 'node:assert'
import { mkdtempSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ChunkLoader } from './chunk-loader.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mille-chunks-'))
  mkdirSync(join(folder, 'chunks'))
  writeFileSync(
    join(folder, 'chunks', 'one.cjs'),
    "const two = require('./two.cjs'); exports.sum = () => two.number + 1; exports.os = require('node:os')",
  )
  writeFileSync(join(folder, 'chunks', 'two.cjs'), 'exports.number = 41')
})
afterEach(() => rmSync(folder, { recursive: true }))

interface One {
  readonly sum: () => number
  readonly os: unknown
}

function loader(command = 'run'): ChunkLoader {
  return new ChunkLoader({ folder, command, require: createRequire(import.meta.url) })
}

function cacheFiles(): string[] {
  return readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.bin'),
  )
}

test('chunks load each other once, and what is no chunk from Node', () => {
  const chunks = loader()
  const one = chunks.load(join(folder, 'chunks', 'one.cjs')) as One
  assert.equal(one.sum(), 42)
  assert.equal(one.os, createRequire(import.meta.url)('node:os'))
  assert.equal(chunks.load(join(folder, 'chunks', 'one.cjs')), one)
})

test('the code is kept for the command and used by its next run', () => {
  const path = join(folder, 'chunks', 'one.cjs')
  const first = loader()
  ;(first.load(path) as One).sum()
  first.save()
  assert.equal(cacheFiles().length, 1)
  const second = loader()
  assert.equal((second.load(path) as One).sum(), 42)
  const before = cacheFiles()
  second.save()
  assert.deepEqual(cacheFiles(), before)
})

test('functions that a later run needs are kept too, after waits that double', () => {
  const path = join(folder, 'chunks', 'many.cjs')
  const functions = Array.from(
    { length: 50 },
    (_, at) => `exports.f${at} = (x) => { return x * ${at} + 'text ${at}' }`,
  )
  writeFileSync(path, functions.join('\n'))
  const start = 1_000_000
  const runAt = (milliseconds: number, calls: number): number => {
    const chunks = loader()
    const many = chunks.load(path) as Record<string, (x: number) => string>
    for (let at = 0; at < calls; at++) assert.equal(many[`f${at}`]?.(1), `${at}text ${at}`)
    chunks.save(start + milliseconds)
    const [name = ''] = cacheFiles()
    return statSync(join(folder, 'cache', name)).size
  }
  const first = runAt(0, 1)
  assert.equal(runAt(50, 20), first)
  const second = runAt(150, 20)
  assert.ok(second > first)
  assert.equal(runAt(250, 50), second)
  const third = runAt(350, 50)
  assert.ok(third > second)
  // what is known is kept by a run that needs less
  assert.equal(runAt(10_000, 0), third)
})

test('a cache that is damaged is no cache', () => {
  const path = join(folder, 'chunks', 'one.cjs')
  const first = loader()
  first.load(path)
  first.save()
  const [name = ''] = cacheFiles()
  for (const bytes of ['', 'abc', '\xff\xff\xff\xff[]', '\x02\0\0\0[]', '\x0a\0\0\0[1,2,[[1]]]']) {
    writeFileSync(join(folder, 'cache', name), bytes, 'latin1')
    assert.equal((loader().load(path) as One).sum(), 42)
  }
})

test('a folder that cannot be written is left alone', () => {
  writeFileSync(join(folder, 'cache'), 'a file where the folder would be')
  const chunks = loader()
  chunks.load(join(folder, 'chunks', 'two.cjs'))
  chunks.save()
})
