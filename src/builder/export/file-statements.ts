import { createHash } from 'node:crypto'
import type { TarSource } from '../../tar/writer.ts'
import { failure } from '../../util/errors.ts'
import type { Predicate } from '../attest/attestation.ts'

/** What is stated about the files of a result, beside them. */
export interface FileStatements {
  readonly predicates: readonly Predicate[]
  /** Begins the statements' names. */
  readonly prefix: string
  /** Of the statements, nanoseconds since the epoch. */
  readonly mtime: bigint
}

type Body = NonNullable<TarSource['body']>

/**
 * The members of a result as they come, then one in-toto statement for each predicate, whose subjects are all regular
 * files by their bytes. `as` is the folder that the result is put into, no part of the subjects' names.
 * INVALID_ARGUMENT when the result has a file of a statement's name. Source: BuildKit, "Build attestations".
 */
export async function* withStatements(
  members: AsyncIterable<TarSource>,
  as: string,
  { predicates, prefix, mtime }: FileStatements,
): AsyncGenerator<TarSource> {
  const place = as === '' ? '' : `${as}/`
  const names = new Map(predicates.map((one) => [`${place}${prefix}${one.fileName}`, one]))
  const digests = new Map<string, string>()
  for await (const source of members) {
    const { path, type, linkTarget = '' } = source.header
    if (names.has(path)) {
      const reason = `the result has a file ${path}, where what is stated about it goes: choose attestation-prefix=…`
      throw failure('INVALID_ARGUMENT', { reason })
    }
    if (type === 'hardlink') digests.set(path, digests.get(linkTarget) ?? '')
    if (type !== 'file') yield source
    else {
      const { body = Buffer.alloc(0) } = source
      yield { ...source, body: hashed(body, (digest) => digests.set(path, digest)) }
    }
  }
  const subject = [...digests].map(([path, sha256]) => ({
    name: path.slice(place.length),
    digest: { sha256 },
  }))
  for (const [path, { predicateType, predicate }] of names) {
    const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject, predicate }
    const body = Buffer.from(`${JSON.stringify(statement, undefined, 2)}\n`)
    yield { header: { path, type: 'file', mode: 0o600, uid: 0, gid: 0, mtime, size: body.length }, body }
  }
}

async function* hashed(body: Body, done: (digest: string) => void): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    hash.update(chunk)
    yield chunk
  }
  done(hash.digest('hex'))
}
