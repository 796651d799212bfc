import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'

type Wrapped = (
  exports: unknown,
  require: (name: string) => unknown,
  module: { exports: unknown },
  filename: string,
  dirname: string,
) => void

/** What the cache keeps of a chunk. */
interface Kept {
  /** As the script has it, the chunk's own text within a function. */
  readonly text: Buffer
  readonly code: Buffer
}

/** A cache as it was read. Times in milliseconds since 1970. */
interface Known {
  readonly chunks: ReadonlyMap<string, Kept>
  /** When the first code was kept, and when the last. */
  readonly begun: number
  readonly kept: number
}

interface Chunk {
  readonly text: string
  readonly script: Script
  readonly module: { exports: unknown }
}

export interface ChunkOptions {
  /** Where the entry lies, and below it the chunks and the cache. */
  readonly folder: string
  /** Names the cache file: commands need different functions of the same chunks. */
  readonly command: string
  /** What the entry itself exports to its chunks, and everything that is no chunk. */
  readonly require: (name: string) => unknown
}

/** Milliseconds. */
const shortestWait = 100
const longestWait = 3_600_000

/**
 * Loads the chunks of the bundle with the code that V8 made of them in an earlier run of the same command. Node's own
 * compile cache keeps a file as it is right after reading, when hardly a function is compiled yet; compiling the 600 that a
 * `run` needs takes a fifth of its time. The chunks' texts lie beside it: one file to read in place of forty. The chunks'
 * names hold their hash, so that no code is ever taken for another's.
 */
export class ChunkLoader {
  readonly #options: ChunkOptions
  readonly #chunks = new Map<string, Chunk>()
  readonly #known: Known
  readonly #file: string

  constructor(options: ChunkOptions) {
    const { folder, command } = options
    this.#options = options
    // V8 takes back only what it made itself, with the same flags
    const maker = [process.version, process.arch, ...process.execArgv]
      .join('-')
      .replace(/[^\w.=-]/g, '_')
      .slice(0, 200)
    this.#file = join(folder, 'cache', maker, `${command}.bin`)
    this.#known = readCache(this.#file)
  }

  /** The exports of the chunk at `path`, absolute. */
  load(path: string): unknown {
    const present = this.#chunks.get(path)
    if (present !== undefined) return present.module.exports
    const known = this.#known.chunks.get(path)
    const text =
      known?.text.toString() ??
      `(function (exports, require, module, __filename, __dirname) {${readFileSync(path).toString()}\n})`
    const script = new Script(text, known ? { filename: path, cachedData: known.code } : { filename: path })
    const module: Chunk['module'] = { exports: {} }
    // before it runs: chunks may need each other
    this.#chunks.set(path, { text, script, module })
    const run = script.runInThisContext() as Wrapped
    const folder = dirname(path)
    run(module.exports, (name) => this.#require(folder, name), module, path, folder)
    return module.exports
  }

  /**
   * Keeps the code of all chunks that were loaded, to be called at the process's end: when the cache lacks one of them; and,
   * as other arguments use other functions of the same chunks, again after waits that double, up to an hour. It takes 10 ms.
   */
  save(now: number = Date.now()): void {
    const { chunks: known, begun, kept } = this.#known
    const isKnown = ([path, { script }]: [string, Chunk]): boolean =>
      known.has(path) && script.cachedDataRejected !== true
    const wait = Math.min(Math.max(kept - begun, shortestWait), longestWait)
    // a clock that was put back is no reason to wait
    if ([...this.#chunks].every(isKnown) && Math.abs(now - kept) < wait) return
    const chunks = new Map(known)
    for (const [path, { text, script }] of this.#chunks) {
      const code = script.createCachedData()
      const before = script.cachedDataRejected === true ? undefined : known.get(path)
      // a long run has thrown away code that it no longer used
      if (before === undefined || before.code.length < code.length)
        chunks.set(path, { text: Buffer.from(text), code })
    }
    try {
      mkdirSync(dirname(this.#file), { recursive: true })
      const made = `${this.#file}.${process.pid}`
      writeFileSync(made, encodeCache({ chunks, begun: Math.min(begun, now), kept: now }))
      renameSync(made, this.#file)
    } catch {
      // a folder of somebody else: the next run compiles again
    }
  }

  /** All chunks lie in one folder. */
  #require(folder: string, name: string): unknown {
    return name.startsWith('./') ? this.load(`${folder}/${name.slice(2)}`) : this.#options.require(name)
  }
}

/** Length of the index, the index as JSON (the times, then path and the two lengths of each), then each one's text and code. */
function encodeCache({ chunks, begun, kept }: Known): Buffer {
  const sizes = [...chunks].map(([path, { text, code }]) => [path, text.length, code.length])
  const index = Buffer.from(JSON.stringify([begun, kept, sizes]))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(index.length)
  return Buffer.concat([length, index, ...[...chunks.values()].flatMap(({ text, code }) => [text, code])])
}

type Index = readonly [
  begun: number,
  kept: number,
  sizes: readonly (readonly [path: string, text: number, code: number])[],
]

function readCache(file: string): Known {
  try {
    const bytes = readFileSync(file)
    let at = 4 + bytes.readUInt32LE()
    const [begun, kept, sizes] = JSON.parse(bytes.toString('utf8', 4, at)) as Index
    const take = (length: number): Buffer => bytes.subarray(at, (at += length))
    const chunks = new Map(sizes.map(([path, text, code]) => [path, { text: take(text), code: take(code) }]))
    return { chunks, begun, kept }
  } catch {
    return { chunks: new Map(), begun: Infinity, kept: 0 }
  }
}
