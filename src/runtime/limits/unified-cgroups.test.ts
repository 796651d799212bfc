import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { totalmem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { unifiedSettings } from './limit-settings.ts'
import { unifiedUsage } from './resource-usage.ts'

const written = (limits: Parameters<typeof unifiedSettings>[0]): Record<string, string> =>
  Object.fromEntries(unifiedSettings(limits).map(({ file, value }) => [file, value]))

test('limits in the words of the second version of control groups', () => {
  // swap is counted alone there
  assert.deepEqual(written({ memory: 100, memorySwap: 250, memoryReservation: 50 }), {
    'memory.max': '100',
    'memory.swap.max': '150',
    'memory.low': '50',
  })
  assert.deepEqual(written({ memory: -1, memorySwap: -1 }), { 'memory.max': 'max', 'memory.swap.max': 'max' })
  assert.deepEqual(written({ cpuQuota: 50_000, cpuPeriod: 200_000 }), { 'cpu.max': '50000 200000' })
  assert.deepEqual(written({ cpuQuota: -1 }), { 'cpu.max': 'max 100000' })
  assert.deepEqual(written({ cpuShares: 2 }), { 'cpu.weight': '1' })
  assert.deepEqual(written({ cpuShares: 1024 }), { 'cpu.weight': '39' })
  assert.deepEqual(written({ cpuShares: 262_144 }), { 'cpu.weight': '10000' })
  assert.deepEqual(written({ cpusetCpus: '0-1', pids: -1 }), { 'cpuset.cpus': '0-1', 'pids.max': 'max' })
})

test('usage is read from the files of the second version', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-unified-'))
  const files = {
    'cpu.stat': 'usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 0\n',
    'memory.current': '4096\n',
    'memory.max': '8192\n',
    'memory.stat': 'anon 1024\nfile 2048\ninactive_file 512\n',
    'io.stat':
      '8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=1 rios=1 wios=1\n',
    'pids.current': '3\n',
    'pids.max': 'max\n',
  }
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const { cpu, memory, blockIo, pids } = unifiedUsage(new Map([['unified', folder]]))
    assert.deepEqual(cpu, { total: 1_500_000, user: 1_000_000, kernel: 500_000 })
    assert.equal(memory.usage, 4096)
    assert.equal(memory.limit, 8192)
    assert.equal(memory.reclaimable, 512)
    assert.deepEqual(blockIo, { read: 105, written: 21 })
    assert.deepEqual(pids, { current: 3, limit: 0 })
    writeFileSync(join(folder, 'memory.max'), 'max\n')
    assert.equal(unifiedUsage(new Map([['unified', folder]])).memory.limit, totalmem())
  } finally {
    rmSync(folder, { recursive: true })
  }
})
