/**
 * Lengths of the best prefix code for symbols with these frequencies, none longer than `limit` bits; 0 for symbols that
 * do not occur. Equal input gives equal lengths: ties go by the symbol's number.
 */
export function codeLengths(frequencies: Uint32Array, limit: number): Uint8Array {
  const lengths = new Uint8Array(frequencies.length)
  const symbols = [...frequencies.keys()].filter((symbol) => (frequencies[symbol] as number) > 0)
  symbols.sort((a, b) => (frequencies[a] as number) - (frequencies[b] as number) || a - b)
  if (symbols.length < 2) {
    for (const symbol of symbols) lengths[symbol] = 1
    return lengths
  }
  const counts = limitDepth(
    countDepths(
      symbols.map((symbol) => frequencies[symbol] as number),
      limit,
    ),
    limit,
  )
  // the most frequent symbols get the shortest codes
  let next = symbols.length - 1
  for (let length = 1; length <= limit; length++)
    for (let left = counts[length] as number; left > 0; left--) lengths[symbols[next--] as number] = length
  return lengths
}

/** How many leaves of the Huffman tree over ascending `weights` lie at each depth; deeper ones than `limit` count there. */
function countDepths(weights: readonly number[], limit: number): Uint32Array {
  const leaves = weights.length
  const all = Float64Array.from({ length: 2 * leaves - 1 }, (_, index) => weights[index] ?? 0)
  const parent = new Uint16Array(all.length)
  let leaf = 0
  let inner = leaves
  for (let next = leaves; next < all.length; next++)
    for (let child = 0; child < 2; child++) {
      const takesLeaf = leaf < leaves && (inner === next || (all[leaf] as number) <= (all[inner] as number))
      const index = takesLeaf ? leaf++ : inner++
      parent[index] = next
      all[next] = (all[next] as number) + (all[index] as number)
    }
  const depth = new Uint8Array(all.length)
  const counts = new Uint32Array(limit + 1)
  for (let index = all.length - 2; index >= 0; index--) {
    depth[index] = Math.min((depth[parent[index] as number] as number) + 1, 200)
    if (index < leaves) {
      const at = Math.min(depth[index] as number, limit)
      counts[at] = (counts[at] as number) + 1
    }
  }
  return counts
}

/** Cutting at the limit made too many short codes: one of the longest goes below a shorter one, until they fit. */
function limitDepth(counts: Uint32Array, limit: number): Uint32Array {
  let used = counts.reduce(
    (sum, count, length) => (length === 0 ? 0 : sum + count * 2 ** (limit - length)),
    0,
  )
  for (; used > 2 ** limit; used--) {
    let length = limit - 1
    while (counts[length] === 0) length--
    counts[length] = (counts[length] as number) - 1
    counts[length + 1] = (counts[length + 1] as number) + 2
    counts[limit] = (counts[limit] as number) - 1
  }
  return counts
}

/** The codes of these lengths (RFC 1951, 3.2.2), first bit lowest, the length above bit 16. */
export function codesOf(lengths: Uint8Array): Uint32Array {
  const next = new Uint32Array(17)
  for (const length of lengths) if (length > 0) next[length + 1] = (next[length + 1] as number) + 1
  for (let length = 1; length < next.length; length++)
    next[length] = ((next[length - 1] as number) + (next[length] as number)) << 1
  return Uint32Array.from(lengths, (length) => {
    if (length === 0) return 0
    const code = next[length] as number
    next[length] = code + 1
    return reverse(code, length) | (length << 16)
  })
}

function reverse(code: number, length: number): number {
  let reversed = 0
  for (let bit = 0; bit < length; bit++) reversed = (reversed << 1) | ((code >> bit) & 1)
  return reversed
}
