import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bindLibc } from './libc.ts'

const mallocTrim = bindLibc<[number]>('malloc_trim', 'int', ['uint64_t'])

type Collect = (wish: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void

let collect: Collect | undefined

/**
 * Collects garbage now, and has the C library return what it keeps for later to the kernel. V8 itself waits for more work
 * before it does, and a process that idles would keep the memory of its busiest minute. Takes some 10 ms.
 */
export function giveBackMemory(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  // as if memory were at its end: otherwise pages that are half empty are kept
  collect({ type: 'major', flavor: 'last-resort' })
  try {
    mallocTrim(0)
  } catch {
    // musl has no such function, and keeps little
  }
}
