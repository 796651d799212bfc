/** A row of a list: `{{json .}}` prints its fields sorted by name and escaped for HTML, as Docker's rows are. */
export class FormatRow {
  readonly fields: Readonly<Record<string, unknown>>

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.fields = fields
  }
}

/** A value as Go's `fmt.Print` shows it: `[a b]`, `map[a:1]`, `<no value>`. */
export function printGo(value: unknown): string {
  if (value === undefined) return '<no value>'
  return printNested(value)
}

function printNested(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return printNumber(value)
  if (Array.isArray(value)) return `[${value.map(printNested).join(' ')}]`
  if (value instanceof FormatRow) return printNested(value.fields)
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `map[${entries.map(([key, item]) => `${key}:${printNested(item)}`).join(' ')}]`
  }
  return String(value as boolean | bigint)
}

function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value)
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** One line of JSON without spaces. */
export function goJson(value: unknown): string {
  if (value instanceof FormatRow) return rowJson(value)
  return (
    JSON.stringify(value, (_, item: unknown) => (item instanceof FormatRow ? sorted(item.fields) : item)) ??
    'null'
  )
}

function rowJson(row: FormatRow): string {
  return escapeHtml(JSON.stringify(sorted(row.fields)))
}

function sorted(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Go's idea of true: not empty, not zero, not nil. */
export function isTruthy(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false
  if (Array.isArray(value)) return value.length > 0
  if (value instanceof FormatRow) return true
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** JSON as Go indents it, escaped for HTML. */
export function goIndentedJson(value: unknown): string {
  return `${escapeHtml(JSON.stringify(value, undefined, 2))}\n`
}

function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
