import { type ErrorCode, type ErrorKind, MilleError } from './errors.ts'

/** An error as it crosses threads: classes do not survive a structured clone. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Of a MilleError. */
  readonly mille?: {
    readonly kind: ErrorKind
    readonly code: ErrorCode
    readonly details: Readonly<Record<string, unknown>>
  }
  readonly cause?: WireError
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined }
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    ...(error instanceof MilleError
      ? { mille: { kind: error.kind, code: error.code, details: plain(error.details) } }
      : {}),
    ...(error.cause === undefined ? {} : { cause: toWire(error.cause) }),
  }
}

export function fromWire(wire: WireError): Error {
  const cause = wire.cause === undefined ? undefined : fromWire(wire.cause)
  if (wire.mille !== undefined) {
    const { kind, code, details } = wire.mille
    return new MilleError(kind, code, wire.message, { cause, details })
  }
  const error = new Error(wire.message, cause === undefined ? undefined : { cause })
  error.name = wire.name
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

/** Only what a structured clone can carry. */
function plain(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).filter(([, value]) =>
      ['string', 'number', 'bigint', 'boolean'].includes(typeof value),
    ),
  )
}
