import { errorTable } from './error-table.ts'

/** The classes of failure; `api` maps them to HTTP statuses and `cli` to exit codes. */
export type ErrorKind =
  | 'invalid-argument'
  | 'unauthenticated'
  | 'permission-denied'
  | 'not-found'
  | 'usage'
  | 'conflict'
  | 'not-modified'
  | 'unavailable'
  | 'not-implemented'
  | 'data-loss'
  | 'internal'
  | 'canceled'

export type ErrorCode = keyof typeof errorTable

/** Names inside `{}` of a message template: `Params<'No such image: {reference}'>` is `{ reference: … }`. */
type Params<Template extends string> = Template extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [K in Name]: string | number | bigint } & Params<Rest>
  : unknown

export type ErrorParams<Code extends ErrorCode> = Params<(typeof errorTable)[Code][1]>

export interface MilleErrorOptions {
  readonly cause?: unknown
  /** Structured facts for machines (paths, digests, ranges); never shown as they are. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** The one error class of mille. Decide by `kind` or `code`, never by `message`. */
export class MilleError extends Error {
  override readonly name = 'MilleError'
  readonly kind: ErrorKind
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(kind: ErrorKind, code: ErrorCode, message: string, options: MilleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.details = options.details ?? {}
  }
}

/**
 * Makes the error `code` of the table, its template filled with `params`.
 * Control bytes in params are escaped: they may come from an image or a server and must not reach a terminal.
 */
export function failure<Code extends ErrorCode>(
  code: Code,
  params: ErrorParams<Code>,
  options: MilleErrorOptions = {},
): MilleError {
  const [kind, template] = errorTable[code]
  const values = params as Readonly<Record<string, string | number | bigint>>
  const message = template.replace(/\{(\w+)\}/g, (_, name: string) => escapeControl(String(values[name])))
  return new MilleError(kind, code, message, { ...options, details: { ...values, ...options.details } })
}

/** Is `error` a MilleError, optionally one of the given codes? */
export function isMilleError(error: unknown, ...codes: readonly ErrorCode[]): error is MilleError {
  return error instanceof MilleError && (codes.length === 0 || codes.includes(error.code))
}

/** What an error of any kind says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Replaces control characters (terminal escapes, newlines in names) by visible `\xNN` forms. Newline and tab stay. */
export function escapeControl(text: string): string {
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
