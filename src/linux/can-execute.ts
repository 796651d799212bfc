import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Machine {
  /** e_machine. Source: elf(5). */
  readonly number: number
  readonly bits: 32 | 64
  readonly bigEndian?: boolean
  /** exit(0) in its code. */
  readonly code: string
}

/** By the architecture's name in OCI platforms. */
const machines: ReadonlyMap<string, Machine> = new Map<string, Machine>([
  ['amd64', { number: 62, bits: 64, code: '31ff b83c000000 0f05' }],
  ['386', { number: 3, bits: 32, code: '31db b801000000 cd80' }],
  ['arm64', { number: 183, bits: 64, code: '000080d2 a80b80d2 010000d4' }],
  ['arm', { number: 40, bits: 32, code: '0000a0e3 0170a0e3 000000ef' }],
  ['riscv64', { number: 243, bits: 64, code: '13050000 9308d005 73000000' }],
  ['ppc64le', { number: 21, bits: 64, code: '00006038 01000038 02000044' }],
  ['s390x', { number: 22, bits: 64, bigEndian: true, code: 'a7290000 0a01' }],
])

const known = new Map<string, boolean>()

/**
 * Does this kernel start programs of the architecture, by itself or through an emulator (binfmt_misc)? Found by starting
 * the smallest one: what is registered is not to be seen from inside a container. True for architectures not known here.
 */
export function canExecute(architecture: string): boolean {
  const machine = machines.get(architecture)
  const answer = known.get(architecture) ?? (machine === undefined || tryProgram(machine))
  known.set(architecture, answer)
  return answer
}

function tryProgram(machine: Machine): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'mille-probe-'))
  try {
    const path = join(folder, 'probe')
    writeFileSync(path, smallestProgram(machine))
    chmodSync(path, 0o700)
    // a libc that is refused by the kernel tries a shell, which ends with an error of its own
    const { status, error } = spawnSync(path, [], { stdio: 'ignore', timeout: 10_000 })
    const forbidden = (error as NodeJS.ErrnoException | undefined)?.code === 'EACCES'
    return status === 0 || forbidden
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A static ELF program of one segment. Source: elf(5). */
function smallestProgram({ number, bits, bigEndian = false, code }: Machine): Buffer {
  const text = Buffer.from(code.replaceAll(' ', ''), 'hex')
  const wide = bits === 64
  const [headerSize, segmentSize] = wide ? [64, 56] : [52, 32]
  const base = 0x10000
  const start = headerSize + segmentSize
  const size = start + text.length
  const bytes = Buffer.alloc(size)
  let at = 0
  const put = (value: number, width: 1 | 2 | 4 | 8): void => {
    const low = width === 8 && bigEndian ? at + 4 : at
    const length = Math.min(width, 4)
    if (bigEndian) bytes.writeUIntBE(value, low, length)
    else bytes.writeUIntLE(value, low, length)
    at += width
  }
  const word = (value: number): void => put(value, wide ? 8 : 4)
  bytes.write('\x7fELF', 'latin1')
  at = 4
  for (const value of [wide ? 2 : 1, bigEndian ? 2 : 1, 1]) put(value, 1)
  at = 16
  put(2, 2)
  put(number, 2)
  put(1, 4)
  word(base + start)
  word(headerSize)
  word(0)
  put(number === 21 ? 2 : number === 40 ? 0x0500_0000 : 0, 4)
  for (const value of [headerSize, segmentSize, 1, 0, 0, 0]) put(value, 2)
  put(1, 4)
  if (wide) put(5, 4)
  for (const value of [0, base, base, size, size]) word(value)
  if (!wide) put(5, 4)
  word(0x1000)
  text.copy(bytes, start)
  return bytes
}
