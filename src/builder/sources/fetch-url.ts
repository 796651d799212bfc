import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { readText } from '../../util/read-text.ts'
import type { Download, Validators } from './download.ts'
import { fileNameOf } from './file-name.ts'
import { openSource, pruneSources } from './source-cache.ts'

export interface FetchOptions {
  readonly store: Store
  readonly signal: AbortSignal | undefined
  /** The kept copy is taken as it is. */
  readonly offline: boolean
  readonly authorization?: string | undefined
  /** `sha256:…`, `sha384:…`, `sha512:…`: verified before the file counts. */
  readonly checksum?: string | undefined
  /** Its server is asked although a copy with that checksum is here; where it cannot be, the copy is taken. */
  readonly revalidate?: boolean
  readonly onProgress?: (current: number, total: number | undefined) => void
}

/** The file behind a URL; disposing removes this build's hold on it, not the copy kept for the next one. */
export interface FetchedFile extends Disposable {
  /** Nobody changes what is there. */
  readonly path: string
  readonly size: number
  readonly digest: string
  /** A plain name for it in a folder. */
  readonly name: string
  /** Nanoseconds since the epoch: Last-Modified. */
  readonly mtime?: bigint
}

interface Kept extends Validators {
  readonly digest: string
  readonly checksum: string
  readonly size: number
  readonly name: string
  /** Of the kept file, milliseconds: with the size it tells whether somebody touched it. */
  readonly writtenAt: number
}

/**
 * Fetches a http or https URL, or takes the copy kept from before: at once when the checksum asked for is known of it,
 * else when the server says that it is still the same. Errors: URL_FAILED, OFFLINE.
 */
export async function fetchUrl(url: string, options: FetchOptions): Promise<FetchedFile> {
  const { store, signal, checksum, authorization, offline } = options
  const description = hidePasswords(url)
  await using source = await openSource(store, 'http', `${authorization ?? ''}\n${url}`, {
    description,
    signal,
  })
  const body = join(source.path, 'body')
  const kept = readKept(source.path)
  const isKnown = kept !== undefined && (kept.checksum === checksum || kept.digest === checksum)
  if (isKnown && (offline || options.revalidate !== true)) return hold(store, body, kept)
  if (offline) {
    if (kept === undefined) throw failure('OFFLINE', { what: description, hint: 'it was never fetched' })
    verify(url, checksum, checksum && (await sumOf(body, kept, checksum.split(':', 1)[0] ?? '')))
    return hold(store, body, kept)
  }
  const path = store.content.temporaryPath()
  // the HTTP client takes 20 ms to load: only builds that fetch something pay for it
  const { download } = await import('./download.ts')
  const known = kept === undefined ? {} : { known: kept }
  const algorithm = checksum?.split(':', 1)[0] ?? 'sha256'
  const made = await download(url, path, { ...options, ...known, algorithm }).catch((error: unknown) => {
    const isUnreachable = isMilleError(error, 'URL_FAILED') && error.details['status'] === undefined
    if (!isKnown || !isUnreachable) throw error
    return undefined
  })
  if (made === undefined && kept !== undefined) {
    // a checksum by an algorithm that was not asked for when it came
    const sum = await sumOf(body, kept, algorithm)
    rmSync(path, { force: true })
    verify(url, checksum, sum)
    return hold(store, body, kept)
  }
  try {
    verify(url, checksum, made?.checksum)
    return keep(store, url, source.path, path, made as Download)
  } finally {
    rmSync(path, { force: true })
    await pruneSources(store, { all: false })
  }
}

function verify(url: string, wanted: string | undefined, found: string | undefined): void {
  if (wanted === undefined || wanted === found) return
  const reason = `digest mismatch: expected ${wanted}, got ${found ?? 'nothing'}`
  throw failure(
    'URL_FAILED',
    { url: hidePasswords(url), reason },
    { details: { expected: wanted, found: found ?? 'nothing' } },
  )
}

/** The body is durable before anything is said of it. */
function keep(store: Store, url: string, folder: string, path: string, made: Download): FetchedFile {
  const { disposition, ...facts } = made
  const body = join(folder, 'body')
  rmSync(join(folder, 'facts'), { force: true })
  rmSync(body, { force: true })
  syncFile(path)
  linkSync(path, body)
  const kept: Kept = { ...facts, name: fileNameOf(url, disposition), writtenAt: statSync(body).mtimeMs }
  const temporary = join(folder, 'facts.new')
  writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600 })
  renameSync(temporary, join(folder, 'facts'))
  return hold(store, body, kept)
}

/** A name of its own for the file: the kept one may be replaced or pruned meanwhile. */
function hold(store: Store, body: string, { digest, size, name, lastModified }: Kept): FetchedFile {
  const path = store.content.temporaryPath()
  linkSync(body, path)
  const modified = Date.parse(lastModified ?? '')
  return {
    path,
    size,
    digest,
    name,
    ...(Number.isNaN(modified) ? {} : { mtime: BigInt(modified) * 1_000_000n }),
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  }
}

function readKept(folder: string): Kept | undefined {
  try {
    const kept = JSON.parse(readText(join(folder, 'facts'))) as Kept
    const { size, mtimeMs } = statSync(join(folder, 'body'))
    return size === kept.size && mtimeMs === kept.writtenAt ? kept : undefined
  } catch {
    return undefined
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

async function sumOf(body: string, { digest }: Kept, algorithm: string): Promise<string> {
  return algorithm === 'sha256' ? digest : `${algorithm}:${await hashOf(body, algorithm)}`
}

async function hashOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
