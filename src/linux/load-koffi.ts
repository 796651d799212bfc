import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'

/**
 * koffi, loaded at the first call and not at import: commands that touch no files must not pay for it. Its own entry tries
 * every way in which it may have been installed, which takes 5 ms; on glibc the native part's place is known.
 */
export function loadKoffi(): typeof Koffi {
  const require = createRequire(import.meta.url)
  try {
    const native = `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`
    return require(native) as typeof Koffi
  } catch {
    return require('koffi') as typeof Koffi
  }
}
