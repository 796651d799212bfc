import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { capabilitiesOf } from '../capabilities.ts'
import { compiledDefault } from './default-filter.ts'
import { defaultProfile, revision } from './default-profile.ts'
import { resolveProfile } from './profile.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-seccomp-'))
after(() => rmSync(folder, { recursive: true }))

test('the revision follows the data', () => {
  const hash = createHash('sha256').update(JSON.stringify(defaultProfile)).digest('hex')
  assert.equal(revision, hash.slice(0, 12))
})

const ALLOW = 0x7fff0000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const x86 = 0xc000003e
const KILL = 0

/** Runs a filter as the kernel does (linux/filter.h, linux/seccomp.h): 8 bytes an instruction. */
function decide(program: Buffer, architecture: number, call: number, ...args: readonly number[]): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(call, 0)
  data.writeUInt32LE(architecture, 4)
  for (const [index, arg] of args.entries()) data.writeBigUInt64LE(BigInt(arg), 16 + index * 8)
  let a = 0
  for (let at = 0; ; at++) {
    const code = program.readUInt16LE(at * 8)
    const k = program.readUInt32LE(at * 8 + 4)
    const jump = (isTrue: boolean): number => program.readUInt8(at * 8 + (isTrue ? 2 : 3))
    if (code === 0x20) a = data.readUInt32LE(k)
    else if (code === 0x54) a = (a & k) >>> 0
    else if (code === 0x05) at += k
    else if (code === 0x15) at += jump(a === k)
    else if (code === 0x25) at += jump(a > k)
    else if (code === 0x35) at += jump(a >= k)
    else if (code === 0x45) at += jump((a & k) !== 0)
    else if (code === 0x06) return k
    else throw new Error(`instruction ${code.toString(16)}`)
  }
}

/** Numbers of the 64-bit table of x86 (asm/unistd_64.h). */
const calls = {
  read: 0,
  socket: 41,
  clone: 56,
  ptrace: 101,
  personality: 135,
  mount: 165,
  reboot: 169,
  keyctl: 250,
  unshare: 272,
  bpf: 321,
  clone3: 435,
} as const

test('the compiled default decides as Docker’s', { skip: process.arch !== 'x64' }, () => {
  const program = compiledDefault(folder, capabilitiesOf({}))
  assert.ok(program)
  const says = (name: keyof typeof calls, ...args: readonly number[]): number =>
    decide(program, x86, calls[name], ...args)
  assert.equal(says('read'), ALLOW)
  assert.equal(says('ptrace'), ALLOW)
  for (const name of ['mount', 'reboot', 'keyctl', 'unshare', 'bpf'] as const)
    assert.equal(says(name), EPERM, name)
  assert.equal(says('clone3'), ENOSYS)
  assert.equal(says('clone', 0x11), ALLOW)
  assert.equal(says('clone', 0x10000011), EPERM)
  assert.equal(says('personality', 0x20008), ALLOW)
  assert.equal(says('personality', 0x40000), EPERM)
  const [unix, inet, netlink, packet, decnet, alg, vsock, unknown] = [1, 2, 16, 17, 12, 38, 40, 46]
  for (const family of [unix, inet, netlink, packet]) assert.equal(says('socket', family), ALLOW)
  for (const family of [decnet, alg, vsock, unknown])
    assert.equal(says('socket', family), EPERM, String(family))
  // another processor's table has other numbers
  assert.equal(decide(program, 0xc00000b7, calls.read), KILL)
  assert.deepEqual(readdirSync(folder).length, 1)
})

test('capabilities open what they are for', { skip: process.arch !== 'x64' }, () => {
  const program = compiledDefault(folder, [...capabilitiesOf({}), 'CAP_SYS_ADMIN'])
  assert.ok(program)
  for (const name of ['mount', 'unshare', 'bpf', 'clone3'] as const)
    assert.equal(decide(program, x86, calls[name]), ALLOW, name)
  assert.equal(decide(program, x86, calls.clone, 0x10000011), ALLOW)
  assert.equal(decide(program, x86, calls.reboot), EPERM)
})

test('conditions of a profile: capabilities, processors, kernels', () => {
  const own = process.arch === 'x64' ? 'amd64' : process.arch
  const rule = (name: string, more: object): object => ({ names: [name], action: 'SCMP_ACT_ALLOW', ...more })
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [
      rule('a', { includes: { caps: ['CAP_KILL', 'CAP_CHOWN'] } }),
      rule('b', { includes: { caps: ['CAP_KILL', 'CAP_BPF'] } }),
      rule('c', { excludes: { caps: ['CAP_KILL'] } }),
      rule('d', { includes: { arches: [own] } }),
      rule('e', { includes: { arches: ['s390'] } }),
      rule('f', { includes: { minKernel: '3.0' } }),
      rule('g', { excludes: { minKernel: '3.0' } }),
      rule('h', { includes: { minKernel: '999.0' } }),
    ],
  }
  const { syscalls, architectures } = resolveProfile(profile as never, ['CAP_KILL', 'CAP_CHOWN'])
  assert.deepEqual(
    syscalls.flatMap(({ names }) => names),
    ['a', 'd', 'f'],
  )
  assert.deepEqual(architectures, ['SCMP_ARCH_X86_64'])
})
