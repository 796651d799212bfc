import type { RemovalLine } from '../../images/images.ts'

/** `Untagged: …` and `Deleted: …`, each with its newline. */
export function removalLines(lines: readonly RemovalLine[]): string {
  return lines
    .map((line) => ('untagged' in line ? `Untagged: ${line.untagged}\n` : `Deleted: ${line.deleted}\n`))
    .join('')
}

/** The same as Docker's `prune` commands print it: in small letters. */
export function prunedLines(lines: readonly RemovalLine[]): string {
  return removalLines(lines).replace(/^[UD]/gm, (letter) => letter.toLowerCase())
}
