import type { Digest } from '../../oci/digest.ts'
import type { UploadOwner } from './storage.ts'

const remembered = 1000

/** The last uploads that became blobs: a client that lost the answer asks again and must hear the same (B-RG-4). */
export class FinishedUploads {
  readonly #uploads = new Map<string, UploadOwner & { readonly digest: Digest }>()

  add(id: string, { repository, user }: UploadOwner, digest: Digest): void {
    this.#uploads.set(id, { repository, user, digest })
    const oldest = this.#uploads.keys().next()
    if (this.#uploads.size > remembered && !oldest.done) this.#uploads.delete(oldest.value)
  }

  has(id: string, { repository, user }: UploadOwner, digest: Digest): boolean {
    const found = this.#uploads.get(id)
    return found?.repository === repository && found.user === user && found.digest === digest
  }
}
