/**
 * The order in which a walk meets paths that visits a folder before what is in it, and siblings by name: `/` sorts before
 * every other letter. Negative when `a` comes first, 0 for equal ones.
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x === y) continue
    if (x === 0x2f) return -1
    return y === 0x2f ? 1 : x - y
  }
  return a.length - b.length
}
