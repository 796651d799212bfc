import type { Digest } from './digest.ts'

/**
 * A name of an image: `registry/repository[:tag][@digest]`, all parts in canonical form
 * (`docker.io`, `library/alpine`). Source: Docker's reference grammar (A38-A43).
 */
export interface Reference {
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}
