import { createHash } from 'node:crypto'
import { Transform, pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { MilleError, failure } from '../util/errors.ts'
import type { Descriptor } from './descriptor.ts'

export interface VerifyOptions {
  /** The host the bytes come from, named in the errors. */
  readonly origin?: string
  /** Awaited before the reader learns of bytes that are not those that were asked for. */
  readonly onMismatch?: () => Promise<void>
}

/**
 * `body`, checked on its way: no byte beyond `size` is passed on, and the stream fails with BLOB_SIZE_MISMATCH or
 * BLOB_DIGEST_MISMATCH instead of ending when the bytes are not those that `expected` names. The last piece is held
 * back until the digest is known, so that nobody downstream ever has a whole wrong blob.
 * Destroying either stream destroys the other.
 */
export function verifiedStream(
  body: Readable,
  expected: Pick<Descriptor, 'digest' | 'size'>,
  { origin, onMismatch }: VerifyOptions = {},
): Readable {
  const { digest, size } = expected
  const hash = createHash('sha256')
  let seen = 0
  let held: Buffer | undefined
  const from = (error: MilleError): MilleError =>
    origin === undefined
      ? error
      : new MilleError(error.kind, error.code, `${error.message} from ${origin}`, { details: error.details })
  const sizeMismatch = (found: string | number): Error =>
    from(failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found }))
  const refuse = (reason: Error, done: (error: Error) => void): void => {
    const tell = (): void => done(reason)
    if (onMismatch === undefined) tell()
    else void onMismatch().then(tell, tell)
  }
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      if (seen > size) return refuse(sizeMismatch('more'), done)
      hash.update(chunk)
      if (held) this.push(held)
      held = chunk
      done()
    },
    flush(done) {
      if (seen !== size) return refuse(sizeMismatch(seen), done)
      const found = `sha256:${hash.digest('hex')}`
      if (found !== digest)
        return refuse(from(failure('BLOB_DIGEST_MISMATCH', { expected: digest, found })), done)
      done(null, held)
    },
  })
  // the error reaches the reader through `check`; this callback only marks it as handled
  pipeline(body, check, () => {})
  return check
}
