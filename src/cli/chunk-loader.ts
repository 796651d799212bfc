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

/**
 * Loads the chunks of the bundle with the code that V8 made of them in an earlier run of the same command. Node's own
 * compile cache keeps a file as it is right after reading, when hardly a function is compiled yet; compiling the 600 that a
 * `run` needs takes a fifth of its time. The chunks' texts lie beside it: one file to read in place of forty. The chunks'
 * names hold their hash, so that no code is ever taken for another's.
 */
export class ChunkLoader {
  readonly #options: ChunkOptions
  readonly #chunks = new Map<string, Chunk>()
  readonly #known: ReadonlyMap<string, Kept>
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
    const known = this.#known.get(path)
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

  /** Keeps the code of all chunks that were loaded, when the cache lacks one of them; to be called at the process's end. */
  save(): void {
    const isKnown = ([path, { script }]: [string, Chunk]): boolean =>
      this.#known.has(path) && script.cachedDataRejected !== true
    if ([...this.#chunks].every(isKnown)) return
    const kept = new Map(this.#known)
    for (const [path, { text, script }] of this.#chunks)
      kept.set(path, { text: Buffer.from(text), code: script.createCachedData() })
    try {
      mkdirSync(dirname(this.#file), { recursive: true })
      const made = `${this.#file}.${process.pid}`
      writeFileSync(made, encodeCache(kept))
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

/** Length of the index, the index as JSON (path and the two lengths of each), then each one's text and code. */
function encodeCache(kept: ReadonlyMap<string, Kept>): Buffer {
  const sizes = [...kept].map(([path, { text, code }]) => [path, text.length, code.length])
  const index = Buffer.from(JSON.stringify(sizes))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(index.length)
  return Buffer.concat([length, index, ...[...kept.values()].flatMap(({ text, code }) => [text, code])])
}

function readCache(file: string): Map<string, Kept> {
  const known = new Map<string, Kept>()
  try {
    const bytes = readFileSync(file)
    let at = 4 + bytes.readUInt32LE()
    const index = JSON.parse(bytes.toString('utf8', 4, at)) as readonly (readonly [string, number, number])[]
    const take = (length: number): Buffer => bytes.subarray(at, (at += length))
    for (const [path, text, code] of index) known.set(path, { text: take(text), code: take(code) })
  } catch {
    // none yet
  }
  return known
}
