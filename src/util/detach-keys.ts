import { failure } from './errors.ts'

const defaultKeys = 'ctrl-p,ctrl-q'

/** Bytes of a `--detach-keys` text: letters, and `ctrl-` with a-z, @, [, \, ], ^ or _. CLI_FAILED. */
export function parseDetachKeys(text: string): readonly number[] {
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1]
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f
    if (key.length === 1) return key.charCodeAt(0)
    throw failure('CLI_FAILED', {
      reason: `invalid detach keys (${text}): unknown key '${key}', use e.g. ctrl-p,ctrl-q`,
    })
  })
}

/**
 * Looks for the detach keys in what is typed, also across chunks. A part of the sequence is held back until it is
 * certain not to be the whole.
 */
export function detachScanner(
  text: string = defaultKeys,
): (chunk: Uint8Array) => { readonly bytes: Uint8Array; readonly found: boolean } {
  const keys = parseDetachKeys(text)
  let matched = 0
  return (chunk) => {
    const bytes: number[] = []
    for (const byte of chunk) {
      if (byte === keys[matched]) {
        matched += 1
        if (matched === keys.length) return { bytes: Uint8Array.from(bytes), found: true }
        continue
      }
      bytes.push(...keys.slice(0, matched))
      matched = byte === keys[0] ? 1 : 0
      if (matched === 0) bytes.push(byte)
    }
    return { bytes: Uint8Array.from(bytes), found: false }
  }
}
