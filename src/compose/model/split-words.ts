/**
 * The words of a command line as a POSIX shell splits them, with nothing expanded; undefined when a quote is left open.
 * Source: compose-spec, `command`; POSIX shell, 2.2 Quoting.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const letter = line.charAt(at)
    if (letter === '\\' && quote !== "'") {
      at += 1
      if (at === line.length) return undefined
      word = `${word ?? ''}${line.charAt(at)}`
    } else if (quote !== '') {
      if (letter === quote) quote = ''
      else word = `${word ?? ''}${letter}`
    } else if (letter === '"' || letter === "'") {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = `${word ?? ''}${letter}`
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}
