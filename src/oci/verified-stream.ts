import { createHash } from 'node:crypto'
import { Transform, pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { failure } from '../util/errors.ts'
import type { Descriptor } from './descriptor.ts'

/**
 * `body`, checked on its way: no byte beyond `size` is passed on, and the stream fails with BLOB_SIZE_MISMATCH or
 * BLOB_DIGEST_MISMATCH instead of ending when the bytes are not those that `expected` names.
 * Destroying either stream destroys the other.
 */
export function verifiedStream(body: Readable, expected: Pick<Descriptor, 'digest' | 'size'>): Readable {
  const { digest, size } = expected
  const hash = createHash('sha256')
  let seen = 0
  const sizeMismatch = (found: string | number): Error =>
    failure('BLOB_SIZE_MISMATCH', { digest, expected: size, found })
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      if (seen > size) return done(sizeMismatch('more'))
      hash.update(chunk)
      done(null, chunk)
    },
    flush(done) {
      if (seen !== size) return done(sizeMismatch(seen))
      const found = `sha256:${hash.digest('hex')}`
      done(found === digest ? null : failure('BLOB_DIGEST_MISMATCH', { expected: digest, found }))
    },
  })
  // the error reaches the reader through `check`; this callback only marks it as handled
  pipeline(body, check, () => {})
  return check
}
