import type { Setting } from './step.ts'

/** Texts of history rows, in the form BuildKit gives them, so that `history` reads the same. */
const suffix = '# buildkit'

export function runText(command: readonly string[], args: readonly Setting[]): string {
  const given =
    args.length === 0 ? [] : [`|${args.length}`, ...args.map(([name, value]) => `${name}=${value}`)]
  return ['RUN', ...given, ...command, suffix].join(' ')
}

export function copyText(
  keyword: 'COPY' | 'ADD',
  flags: Readonly<Record<string, string | undefined>>,
  sources: readonly string[],
  destination: string,
): string {
  const given = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [value === '' ? `--${name}` : `--${name}=${value}`],
  )
  return [keyword, ...given, ...sources, destination, suffix].join(' ')
}

/** `["a" "b"]`: a list the way Go prints it. */
export function listText(keyword: string, words: readonly string[]): string {
  return `${keyword} [${words.map((word) => JSON.stringify(word)).join(' ')}]`
}

export function pairsText(keyword: string, pairs: readonly Setting[]): string {
  return [keyword, ...pairs.map(([name, value]) => `${name}=${value}`)].join(' ')
}
