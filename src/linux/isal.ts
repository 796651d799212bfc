import { gzipSync } from 'node:zlib'
import { failure } from '../util/errors.ts'
import type { Inflater, InflateStep } from '../util/inflater.ts'
import { loadKoffi } from './load-koffi.ts'

/**
 * Layout of `struct inflate_state` of libisal.so.2, same on all 64-bit processors. Source: igzip_lib.h (libisal-dev
 * 2.30). `size` is larger than the real one. A library with another layout fails the self-test and is not used.
 */
const state = {
  size: 262_144,
  nextOut: 0,
  availableOut: 8,
  nextIn: 16,
  availableIn: 32,
  blockState: 21_160,
  wrapper: 21_172,
}
/** ISAL_GZIP: the library reads the header and checks length and CRC. */
const gzipWrapper = 1

const reasons: Readonly<Record<number, string>> = {
  [-1]: 'invalid block',
  [-2]: 'invalid symbol',
  [-3]: 'invalid look-back distance',
  [-4]: 'invalid gzip header',
  [-5]: 'unknown gzip method',
  [-6]: 'wrong checksum or length',
}

interface Library {
  readonly inflate: (state: Uint8Array) => number
  readonly init: (state: Uint8Array) => void
  readonly reset: (state: Uint8Array) => void
  readonly address: (bytes: Uint8Array) => bigint
  /** Value of `blockState` after the last byte of a member: learnt by the self-test. */
  finished: number
}

let library: Library | false | undefined

/**
 * An inflater of Intel's ISA-L, about three times as fast as zlib; undefined where libisal2 is not installed or does not behave
 * as known: callers then use zlib. Inflating gives the same bytes whoever does it.
 */
export function openIsalInflater(): Inflater | undefined {
  library ??= load() ?? false
  return library === false ? undefined : new IsalInflater(library)
}

function load(): Library | undefined {
  try {
    const koffi = loadKoffi()
    const isal = koffi.load('libisal.so.2')
    const loaded: Library = {
      inflate: isal.func('isal_inflate', 'int', ['void *']),
      init: isal.func('isal_inflate_init', 'void', ['void *']),
      reset: isal.func('isal_inflate_reset', 'void', ['void *']),
      address: koffi.address,
      finished: -1,
    }
    return passesSelfTest(loaded) ? loaded : undefined
  } catch {
    return undefined
  }
}

/** A small stream in two members must come out whole, end at its last byte, and be refused with a wrong checksum. */
function passesSelfTest(loaded: Library): boolean {
  const text = Buffer.from('mille '.repeat(50))
  const member = gzipSync(text)
  const output = Buffer.alloc(1024)
  const probe = new IsalInflater(loaded)
  const end = probe.push(Buffer.concat([member, Buffer.alloc(32)]), output)
  if (end.consumed !== member.length || end.produced !== text.length) return false
  loaded.finished = probe.blockState
  const inflater = new IsalInflater(loaded)
  const first = inflater.push(member.subarray(0, 15), output)
  const rest = inflater.push(member.subarray(15), output.subarray(first.produced))
  const again = inflater.push(member, output.subarray(first.produced + rest.produced))
  if (first.done || !rest.done || !again.done) return false
  if (!output.subarray(0, 2 * text.length).equals(Buffer.concat([text, text]))) return false
  const wrong = Buffer.from(member)
  wrong[wrong.length - 6] = (wrong.at(-6) ?? 0) ^ 1
  try {
    new IsalInflater(loaded).push(wrong, output)
    return false
  } catch {
    return true
  }
}

class IsalInflater implements Inflater {
  readonly #library: Library
  readonly #state: Buffer = Buffer.alloc(state.size)
  #begun = false

  constructor(loaded: Library) {
    this.#library = loaded
    loaded.init(this.#state)
  }

  get blockState(): number {
    return this.#state.readUInt32LE(state.blockState)
  }

  push(input: Uint8Array, output: Uint8Array): InflateStep {
    const { inflate, reset, address, finished } = this.#library
    if (!this.#begun) {
      reset(this.#state)
      this.#state.writeUInt32LE(gzipWrapper, state.wrapper)
      this.#begun = true
    }
    // Addresses of array buffers stay the same; both are referenced from here until the call has returned.
    this.#state.writeBigUInt64LE(output.length === 0 ? 0n : address(output), state.nextOut)
    this.#state.writeUInt32LE(output.length, state.availableOut)
    this.#state.writeBigUInt64LE(input.length === 0 ? 0n : address(input), state.nextIn)
    this.#state.writeUInt32LE(input.length, state.availableIn)
    const result = inflate(this.#state)
    if (result < 0) {
      const reason = reasons[result] ?? `ISA-L error ${String(result)}`
      throw failure('COMPRESSION_CORRUPT', { format: 'gzip', reason })
    }
    const done = this.blockState === finished
    if (done) this.#begun = false
    return {
      consumed: input.length - this.#state.readUInt32LE(state.availableIn),
      produced: output.length - this.#state.readUInt32LE(state.availableOut),
      done,
    }
  }
}
