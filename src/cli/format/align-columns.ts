const defaultGap = 3
const leastWidth = 10

/**
 * Lines of tab-separated cells with their columns aligned, as Docker prints tables: at least `minimum` (10) wide, `gap`
 * (3) spaces apart, what follows a line's last tab is not padded. A column ends at the first line that has no such cell.
 */
export function alignColumns(text: string, minimum: number = leastWidth, gap: number = defaultGap): string {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const widths = lines.map((): number[] => [])
  const most = Math.max(...lines.map((cells) => cells.length - 1))
  for (let column = 0; column < most; column++) {
    let start = 0
    while (start < lines.length) {
      let end = start
      let width = minimum
      while (column < (lines[end]?.length ?? 0) - 1) {
        width = Math.max(width, displayWidth(lines[end]?.[column] ?? '') + gap)
        end += 1
      }
      for (let row = start; row < end; row++) widths[row]?.push(width)
      start = Math.max(end, start + 1)
    }
  }
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) => {
          const width = widths[row]?.[column]
          return width === undefined ? cell : cell + ' '.repeat(Math.max(0, width - displayWidth(cell)))
        })
        .join(''),
    )
    .join('\n')
}

function displayWidth(text: string): number {
  let width = 0
  for (const _ of text) width += 1
  return width
}
