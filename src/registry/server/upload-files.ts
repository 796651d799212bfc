import { createHash, randomBytes } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { appendBody } from './append-body.ts'
import { FinishedUploads } from './finished-uploads.ts'
import type { UploadChunk, UploadOwner } from './storage.ts'
import { Turns } from './turns.ts'

interface Session {
  readonly owner: UploadOwner
  /** Of the file's first `size` bytes; undefined when they must be read again (another process wrote them). */
  hash: Hash | undefined
  size: number
  /** Bytes that survive a power cut. */
  durable: number
}

export interface FinishedFile {
  readonly path: string
  readonly size: number
}

const idPattern = /^[0-9a-f]{32}$/

/**
 * Uploads as files, which outlive the process: `<id>` holds the bytes received, `<id>.json` the owner. The file's size
 * is the offset. Opening is not made durable: after a power cut such an upload is unknown and the client begins again.
 */
export class UploadFiles {
  readonly #folder: string
  readonly #limit: number
  readonly #turns = new Turns()
  readonly #finished = new FinishedUploads()
  /** All there are, with when they were last written to, by `performance.now()`. */
  readonly #touched: Map<string, number>
  readonly #sessions = new Map<string, Session>()

  constructor(folder: string, limit: number) {
    this.#folder = folder
    this.#limit = limit
    const found = readdirSync(folder).map((name) => name.replace(/\.json$/, ''))
    this.#touched = new Map(found.map((id) => [id, performance.now()]))
  }

  async open(owner: UploadOwner): Promise<string> {
    if (this.#touched.size >= this.#limit) throw failure('TOO_MANY_UPLOADS', { limit: this.#limit })
    // 128 random bits: whoever knows the id may write to the upload (C-S8)
    const id = randomBytes(16).toString('hex')
    this.#touched.set(id, performance.now())
    try {
      await writeFile(this.#ownerPath(id), JSON.stringify(owner), { flag: 'wx', mode: 0o600 })
      await writeFile(this.#path(id), '', { flag: 'wx', mode: 0o600 })
    } catch (error) {
      await this.#remove(id)
      throw error
    }
    this.#sessions.set(id, { owner, hash: createHash('sha256'), size: 0, durable: 0 })
    return id
  }

  async offset(owner: UploadOwner, id: string): Promise<number> {
    // no turn: the answer must not wait for a request that hangs
    return (await this.#session(owner, id)).durable
  }

  async append(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    return this.#turns.take(id, async () => {
      const session = await this.#session(owner, id)
      if (chunk.start !== undefined && chunk.start !== session.size) {
        throw failure('UPLOAD_RANGE', { offset: session.size })
      }
      await using file = await open(this.#path(id), 'r+')
      const lost = await this.#appendTo(file, session, chunk, body)
      if (lost !== undefined) {
        await this.#remove(id)
        throw lost
      }
      this.#touched.set(id, performance.now())
      return session.size
    })
  }

  /** `publish` moves the file away; then the upload is over. */
  async finish(
    owner: UploadOwner,
    id: string,
    digest: Digest,
    publish: (file: FinishedFile) => Promise<void>,
  ): Promise<void> {
    await this.#turns.take(id, async () => {
      if (this.#finished.has(id, owner, digest)) return
      const session = await this.#session(owner, id)
      const path = this.#path(id)
      const found = await foundDigest(path, session)
      if (found !== digest) {
        await this.#remove(id)
        throw failure('UPLOAD_DIGEST_MISMATCH', { found, expected: digest })
      }
      await publish({ path, size: session.size })
      this.#finished.add(id, owner, digest)
      await this.#remove(id)
    })
  }

  /** As `finish`, with another file that holds the whole blob, and of which the digest is known. */
  async replace(owner: UploadOwner, id: string, digest: Digest, publish: () => Promise<void>): Promise<void> {
    await this.#turns.take(id, async () => {
      if (this.#finished.has(id, owner, digest)) return
      await this.#session(owner, id)
      await publish()
      this.#finished.add(id, owner, digest)
      await this.#remove(id)
    })
  }

  async cancel(owner: UploadOwner, id: string): Promise<void> {
    await this.#turns.take(id, async () => {
      await this.#session(owner, id)
      await this.#remove(id)
    })
  }

  async expire(idle: number): Promise<number> {
    const before = performance.now() - idle
    const isStale = (id: string): boolean => (this.#touched.get(id) ?? Infinity) <= before
    let count = 0
    for (const id of [...this.#touched.keys()].filter(isStale)) {
      await this.#turns.take(id, async () => {
        if (!isStale(id)) return
        await this.#remove(id)
        count++
      })
    }
    return count
  }

  /** Gives the error after which the file cannot be trusted. */
  async #appendTo(file: FileHandle, session: Session, chunk: UploadChunk, body: Readable): Promise<unknown> {
    const start = session.size
    const hash = (await hashedSoFar(file, session)).copy()
    const result = await appendBody(file, body, { hash, start, limit: chunk.length })
    const found = result.size - start
    if (
      result.tooLong ||
      (result.broken === undefined && chunk.length !== undefined && found !== chunk.length)
    ) {
      await file.truncate(start)
      throw failure('SIZE_INVALID', { expected: chunk.length ?? 0, found: result.tooLong ? 'more' : found })
    }
    if (result.lost) return result.broken
    // after a failed write the file's end is unknown: what is there counts, and is hashed again
    session.hash = result.hash
    session.size = result.hash === undefined ? (await file.stat()).size : result.size
    session.durable = Math.min(session.durable, session.size)
    if (session.size > session.durable) await file.datasync()
    session.durable = session.size
    if (result.broken !== undefined) throw result.broken
    return undefined
  }

  async #session(owner: UploadOwner, id: string): Promise<Session> {
    const session = this.#touched.has(id) ? (this.#sessions.get(id) ?? (await this.#load(id))) : undefined
    // another user's upload is as unknown as one that never was
    if (
      session === undefined ||
      session.owner.repository !== owner.repository ||
      session.owner.user !== owner.user
    ) {
      throw failure('BLOB_UPLOAD_UNKNOWN', { id: id.slice(0, 64) })
    }
    return session
  }

  /** An upload of an earlier process. */
  async #load(id: string): Promise<Session | undefined> {
    if (!idPattern.test(id)) return undefined
    let owner: UploadOwner
    let size: number
    try {
      owner = JSON.parse(await readFile(this.#ownerPath(id), 'utf8')) as UploadOwner
      await using file = await open(this.#path(id), 'r+')
      await file.datasync()
      size = (await file.stat()).size
    } catch {
      // half opened, or half removed, when its process was killed
      return undefined
    }
    const known = this.#sessions.get(id)
    if (known !== undefined) return known
    const session: Session = { owner, hash: undefined, size, durable: size }
    this.#sessions.set(id, session)
    return session
  }

  async #remove(id: string): Promise<void> {
    // the owner goes last: what a killed process leaves is found, and removed, by its name
    await rm(this.#path(id), { force: true })
    await rm(this.#ownerPath(id), { force: true })
    this.#sessions.delete(id)
    this.#touched.delete(id)
  }

  #path(id: string): string {
    return join(this.#folder, id)
  }

  #ownerPath(id: string): string {
    return join(this.#folder, `${id}.json`)
  }
}

async function foundDigest(path: string, session: Session): Promise<string> {
  await using file = await open(path)
  const hash = await hashedSoFar(file, session)
  return `sha256:${hash.copy().digest('hex')}`
}

async function hashedSoFar(file: FileHandle, session: Session): Promise<Hash> {
  if (session.hash !== undefined) return session.hash
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024)
  let position = 0
  while (position < session.size) {
    const length = Math.min(buffer.length, session.size - position)
    const { bytesRead } = await file.read(buffer, 0, length, position)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
  session.hash = hash
  return hash
}
