/** `<<EOF` found in a line, its body not read yet. */
export interface HeredocOpening {
  readonly name: string
  readonly expand: boolean
  readonly stripTabs: boolean
  /** Of `<<` with its file descriptor, in the line. */
  readonly offset: number
  readonly length: number
}

/**
 * The heredocs a RUN, COPY or ADD line opens, in order: words of the form `[fd]<<[-]NAME` with NAME plain or quoted.
 * `<<<` (here string), `<<` inside quotes and `1<<2` in arithmetic are none.
 */
export function findHeredocs(text: string, escape: string): HeredocOpening[] {
  if (!text.includes('<<')) return []
  return splitShellWords(text, escape).flatMap(({ word, offset }) => {
    const match = /^\d*<<(-?)([^<]+)$/.exec(word)
    if (match === null) return []
    const raw = match[2] ?? ''
    const name = unquoteName(raw, escape)
    if (name === undefined) return []
    return [{ name, expand: name === raw, stripTabs: match[1] === '-', offset, length: word.length }]
  })
}

/** The heredoc word without its quotes; undefined when it is no word the shell would take as a delimiter. */
function unquoteName(raw: string, escape: string): string | undefined {
  const quoted = /^"([^"'$]+)"$|^'([^']+)'$/.exec(raw)
  const name = quoted?.[1] ?? quoted?.[2] ?? raw.replaceAll(escape, '')
  return /["'\s]/.test(name) || name === '' ? undefined : name
}

/** Splits at unquoted whitespace, keeping quotes and escapes. */
function splitShellWords(text: string, escape: string): { word: string; offset: number }[] {
  const words: { word: string; offset: number }[] = []
  let start = -1
  let quote = ''
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    const isSpace = quote === '' && /\s/.test(char)
    if (isSpace && start >= 0) words.push({ word: text.slice(start, index), offset: start })
    if (isSpace) start = -1
    else if (start < 0) start = index
    if (char === escape && quote !== "'") index++
    else if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (char === quote) quote = ''
  }
  if (start >= 0) words.push({ word: text.slice(start), offset: start })
  return words
}
