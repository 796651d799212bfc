/** As Go shows a list that was never made. */
export function nullIfEmpty(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values
}
