/**
 * The candidate that `word` was probably meant to be: one or two edits away, by length, or the same word in
 * another case; undefined when `word` is a candidate itself or nothing is near.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  const lower = word.toLowerCase()
  for (const candidate of candidates) {
    if (candidate === word) return undefined
    if (Math.abs(candidate.length - word.length) > 2) continue
    const known = candidate.toLowerCase()
    const most = mostEdits(lower, known)
    const distance = editDistance(lower, known)
    if (distance <= most && distance < bestDistance && distance < word.length) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `top` is two edits from `nope` and has nothing to do with it; `NOOP` and `NOPE` at least begin alike. */
function mostEdits(word: string, candidate: string): 1 | 2 {
  const letters = Math.max(word.length, candidate.length)
  return letters >= 6 || (letters >= 4 && word[0] === candidate[0]) ? 2 : 1
}

/** Levenshtein distance where swapping two neighbours is one step, so that `buidl` is near `build`. */
export function editDistance(from: string, to: string): number {
  let older: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (older[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    older = previous
    previous = current
  }
  return previous[to.length] ?? 0
}
