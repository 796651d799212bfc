import { escapeControl } from '../../util/errors.ts'

/** Names and values come from files and images: they must not move the cursor or forge a line. */
export function oneLine(text: string): string {
  return escapeControl(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
