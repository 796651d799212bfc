/**
 * Every error code of mille: its kind and its message. `{name}` is filled by `failure(code, { name })`.
 * Codes are stable: a retired one is never used again for something else. Keep each section sorted by code.
 */
export const errorTable = {
  // general
  CANCELED: ['canceled', 'canceled'],
  INTERNAL: ['internal', 'internal error: {reason}'],
  INVALID_ARGUMENT: ['invalid-argument', '{reason}'],
  NOT_IMPLEMENTED: ['not-implemented', '{feature} is not implemented yet'],
  PROGRAM_FAILED: ['internal', '{program} failed: {reason}'],
  PROGRAM_MISSING: ['unavailable', '{program} is not on this machine: install the Debian package {package}'],
  USAGE: ['usage', '{reason}'],

  // oci: names and documents
  DIGEST_INVALID: ['invalid-argument', 'invalid digest "{text}": needs sha256: and 64 lower-case hex digits'],
  REFERENCE_INVALID: ['invalid-argument', 'invalid reference format: {reason}'],

  // oci: content
  BLOB_DIGEST_MISMATCH: ['data-loss', 'digest mismatch: expected {expected}, got {found}'],
  BLOB_NOT_FOUND: ['not-found', 'blob {digest} not found'],
  BLOB_SIZE_MISMATCH: ['data-loss', 'size mismatch of {digest}: expected {expected} bytes, got {found}'],

  // images
  BOOTSTRAP_FAILED: ['internal', 'mmdebstrap could not make {suite}:\n{reason}'],
  BOOTSTRAP_UNKNOWN: [
    'invalid-argument',
    'no recipe for a base image "{name}": there are busybox, debian:SUITE and ubuntu:SUITE',
  ],
  IMAGE_IN_MANY_REPOSITORIES: [
    'conflict',
    'conflict: unable to delete {image} (must be forced) - image is referenced in multiple repositories',
  ],
  IMAGE_IN_USE_RUNNING: [
    'conflict',
    'conflict: unable to delete {image} (cannot be forced) - image is being used by running container {container}',
  ],
  IMAGE_IN_USE_STOPPED: [
    'conflict',
    'conflict: unable to delete {image} (must be forced) - image is being used by stopped container {container}',
  ],
  IMAGE_NAME_IN_USE: [
    'conflict',
    'conflict: unable to remove repository reference "{name}" (must force) - container {container} is using its referenced image {image}',
  ],
  NOT_LOCALLY_TAGGED: ['not-found', 'An image does not exist locally with the tag: {name}'],
  PUSH_BY_DIGEST: ['invalid-argument', 'cannot push a digest reference: name a tag'],
  NO_SUCH_IMAGE: ['not-found', 'No such image: {reference}'],
} as const
