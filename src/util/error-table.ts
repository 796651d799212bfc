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
  USAGE: ['usage', '{reason}'],

  // oci: names and documents
  DIGEST_INVALID: ['invalid-argument', 'invalid digest "{text}": needs sha256: and 64 lower-case hex digits'],
  REFERENCE_INVALID: ['invalid-argument', 'invalid reference format: {reason}'],

  // oci: content
  BLOB_DIGEST_MISMATCH: ['data-loss', 'digest mismatch: expected {expected}, got {found}'],
  BLOB_NOT_FOUND: ['not-found', 'blob {digest} not found'],
  BLOB_SIZE_MISMATCH: ['data-loss', 'size mismatch of {digest}: expected {expected} bytes, got {found}'],

  // images
  NO_SUCH_IMAGE: ['not-found', 'No such image: {reference}'],
} as const
