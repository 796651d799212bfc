import { readText } from '../util/read-text.ts'

/** The last error in a runtime's JSON log (`--log-format json`), undefined when the runtime reported none. */
export function findRuntimeError(logPath: string): string | undefined {
  let text: string
  try {
    text = readText(logPath)
  } catch {
    return undefined
  }
  return text.split('\n').flatMap(errorOf).at(-1)
}

function errorOf(line: string): string[] {
  try {
    const entry = JSON.parse(line) as { level?: unknown; msg?: unknown } | null
    return entry?.level === 'error' || entry?.level === 'fatal' ? [String(entry.msg)] : []
  } catch {
    return []
  }
}
