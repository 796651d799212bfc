// node check-dockerfile.mjs [FILE]: what an editor would underline, one line each, and the text with all suggestions taken.
import { readFileSync } from 'node:fs'
import { check } from 'mille/dockerfile'

const file = process.argv[2] ?? 'Dockerfile'
const text = readFileSync(file, 'utf8')
const findings = check(text, { fileName: file })
for (const { severity, rule, message, range, suggestion, url } of findings) {
  const place = `${file}:${range.start.line}:${range.start.column}`
  const more = [suggestion && `write ${suggestion}`, url].filter(Boolean).map((note) => `\n    ${note}`)
  console.log(`${place}: ${severity}: ${message} (${rule})${more.join('')}`)
}

// from the last one up, so that the columns of those before stay right
const lines = text.split('\n')
for (const { range, suggestion } of findings.toReversed()) {
  if (suggestion === undefined || range.start.line !== range.end.line) continue
  const line = lines[range.start.line - 1]
  lines[range.start.line - 1] =
    line.slice(0, range.start.column - 1) + suggestion + line.slice(range.end.column - 1)
}
console.log(lines.join('\n'))
