const prefix = 'error: '

/** The reason alone, in one line: what stands behind the excerpts of the Dockerfile, or how many such reasons there are. */
export function errorSummary(message: string): string {
  return split(message).summary
}

/** A failed build as the terminal shows it: where, then one clear line at the end, as BuildKit does. */
export function buildErrorText(message: string): string {
  const { before, summary } = split(message)
  return `${before}ERROR: failed to build: ${summary}\n`
}

/** Errors with a place in the Dockerfile have an excerpt for each, and `error: reason` below it. */
function split(message: string): { readonly before: string; readonly summary: string } {
  const lines = message.trimEnd().split('\n')
  // what the step itself printed stands before
  const reasons = lines.slice(lines.lastIndexOf('------') + 1).filter((line) => line.startsWith(prefix))
  if (reasons.length > 1) return { before: `${message.trimEnd()}\n`, summary: `${reasons.length} errors` }
  if (lines.length === 1) return { before: '', summary: message }
  const last = lines.at(-1) ?? ''
  const before = `${lines.slice(0, -1).join('\n')}\n`
  return { before, summary: last.startsWith(prefix) ? last.slice(prefix.length) : last }
}
