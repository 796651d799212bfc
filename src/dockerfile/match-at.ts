/** What of `text`, from `at` on, `pattern` (with the flag `y`) takes; empty when nothing is. */
export function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}
