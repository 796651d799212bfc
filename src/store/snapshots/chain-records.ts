import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, writeSync } from 'node:fs'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncPath } from '../../linux/sync.ts'
import { chainId, digestHex, type ChainId, type DiffId } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import type { RootMetadata } from './dependencies.ts'
import type { Staging } from './staging.ts'
import { readText } from '../../util/read-text.ts'

/** One applied layer. The record is written last, so its existence says that everything else is durable. */
export interface ChainRecord {
  readonly diffId: DiffId
  readonly parent?: ChainId
  /** Names the layer's data within its backend. */
  readonly key: string
  readonly root: RootMetadata
}

interface RecordText {
  readonly diffId: DiffId
  readonly parent?: ChainId
  readonly key: string
  readonly root: {
    readonly mode: number
    readonly uid: number
    readonly gid: number
    readonly mtime: string
    readonly xattrs: Readonly<Record<string, string>>
  }
}

/** The applied chains of a store: one small file each. Records never change, so they are kept once read. */
export class ChainRecords {
  readonly #folder: string
  readonly #staging: Staging
  readonly #known = new Map<ChainId, ChainRecord>()

  constructor(folder: string, staging: Staging) {
    this.#folder = folder
    this.#staging = staging
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  has(chain: ChainId): boolean {
    return existsSync(this.#path(chain))
  }

  find(chain: ChainId): ChainRecord | undefined {
    const known = this.#known.get(chain)
    if (known !== undefined && this.has(chain)) return known
    let text: RecordText
    try {
      text = JSON.parse(readText(this.#path(chain))) as RecordText
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const record = fromText(text)
    this.#known.set(chain, record)
    return record
  }

  get(chain: ChainId): ChainRecord {
    const record = this.find(chain)
    if (record === undefined) throw failure('CHAIN_NOT_FOUND', { chain })
    return record
  }

  /** The stack below and with `chain`, top first. */
  stack(chain: ChainId | undefined): ChainRecord[] {
    const records: ChainRecord[] = []
    for (let next = chain; next !== undefined; next = records.at(-1)?.parent) records.push(this.get(next))
    return records
  }

  list(): { readonly chain: ChainId; readonly record: ChainRecord }[] {
    return readdirSync(this.#folder).flatMap((name) => {
      const chain = `sha256:${name.slice(0, 64)}` as ChainId
      const record = this.find(chain)
      return record === undefined ? [] : [{ chain, record }]
    })
  }

  /** `durable` false leaves the syncing to someone else. */
  put(record: ChainRecord, durable: boolean): ChainId {
    const chain = chainId(record.parent, record.diffId)
    const path = this.#staging.newPath()
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, JSON.stringify(toText(record)))
      if (durable) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(path, this.#path(chain))
    if (durable) syncPath(this.#folder)
    this.#known.set(chain, record)
    return chain
  }

  remove(chain: ChainId): void {
    rmSync(this.#path(chain), { force: true })
    this.#known.delete(chain)
  }

  /** Makes the record one of `other`, at once. */
  move(chain: ChainId, other: ChainRecords): void {
    renameSync(this.#path(chain), other.#path(chain))
    this.#known.delete(chain)
  }

  #path(chain: ChainId): string {
    return join(this.#folder, `${digestHex(chain)}.json`)
  }
}

function toText({ diffId, parent, key, root }: ChainRecord): RecordText {
  const xattrs = Object.fromEntries(
    [...root.xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  )
  const { mode, uid, gid, mtime } = root
  return {
    diffId,
    ...(parent === undefined ? {} : { parent }),
    key,
    root: { mode, uid, gid, mtime: String(mtime), xattrs },
  }
}

function fromText({ root, ...rest }: RecordText): ChainRecord {
  const xattrs = new Map(
    Object.entries(root.xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')] as const),
  )
  return { ...rest, root: { ...root, mtime: BigInt(root.mtime), xattrs } }
}
