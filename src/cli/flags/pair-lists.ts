import { type Flag, parsedList } from './flag.ts'

/** `--label K=V` or `K`, several times. */
export function labels(help: string, shape: { readonly short?: string } = {}): Flag<readonly string[]> {
  return parsedList(help, checkLabel, shape)
}

/** `-e K=V`, or `K` for the value that the caller has, several times. */
export function variables(help: string): Flag<readonly string[]> {
  return parsedList(help, checkVariable, { short: 'e' })
}

function checkLabel(text: string): string {
  const [key = ''] = text.trimStart().split('=', 1)
  if (key === '') throw new Error(`invalid label '${text}': empty name`)
  if (/\s/.test(key)) throw new Error(`label '${key}' contains whitespaces`)
  return text
}

function checkVariable(text: string): string {
  if (text === '' || text.startsWith('=')) throw new Error(`invalid environment variable: ${text}`)
  return text
}
