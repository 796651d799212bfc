import type { Digest } from '../oci/digest.ts'
import type { GrowingFile } from '../util/growing-file.ts'
import type { BlobInfo, Lease } from './store.ts'

export interface BlobWriter extends AsyncDisposable {
  /** Bytes that are durable so far. */
  readonly offset: number
  write(...chunks: readonly Uint8Array[]): Promise<void>
  truncate(size: number): Promise<void>
  /** For a reader in another thread: what is written so far and from now on. The caller disposes it. At most once. */
  follow(): GrowingFile
  /** Verifies, makes durable, makes visible. On a mismatch the bytes are dropped. */
  commit(expected: { readonly digest?: Digest; readonly size?: number }, lease?: Lease): Promise<BlobInfo>
  /** Drops the bytes. Disposing without commit keeps them for a later writer of the same key. */
  abort(): Promise<void>
}
