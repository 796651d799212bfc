import { alignColumns } from './align-columns.ts'
import { FormatRow, goJson } from './go-value.ts'
import { oneLine } from './one-line.ts'
import { compileTemplate } from './render-template.ts'

export interface RowsFormat {
  /** `--format`; absent or `table` prints the default table. */
  readonly format?: string | undefined
  /** Cells of the default table, in template form: `table {{.ID}}\t{{.Size}}`. */
  readonly table: string
  /** `--format raw`. */
  readonly raw?: string
  /** `-q`: the one field to print. */
  readonly quiet?: string | undefined
  /** Column titles by field; a field without one cannot head a table. */
  readonly headers: Readonly<Record<string, string>>
}

export type RowFields = Readonly<Record<string, unknown>>

/** All rows as Docker prints lists: table, `table TEMPLATE`, `json`, `raw`, TEMPLATE or one quiet field a line. CLI_TEMPLATE. */
export function printRows(rows: readonly RowFields[], options: RowsFormat): string {
  const format = options.format ?? ''
  const { quiet } = options
  if (format === 'json') return rows.map((row) => `${goJson(new FormatRow(row))}\n`).join('')
  if (format === 'raw' && options.raw !== undefined) {
    return renderLines(rows, quiet === undefined ? options.raw : `id: {{.${quiet}}}`)
  }
  if (quiet !== undefined && (format === '' || format === 'table')) return renderLines(rows, `{{.${quiet}}}`)
  if (format === '' || format === 'table') return printTable(rows, options.table, options.headers)
  const table = /^table[ \t]+/.exec(format)
  if (table) return printTable(rows, unescape(format.slice(table[0].length)), options.headers)
  return renderLines(rows, unescape(format))
}

function renderLines(rows: readonly RowFields[], source: string): string {
  const render = compileTemplate(source)
  return rows.map((row) => `${render(new FormatRow(row))}\n`).join('')
}

function printTable(
  rows: readonly RowFields[],
  source: string,
  headers: Readonly<Record<string, string>>,
): string {
  const render = compileTemplate(source)
  const head = compileTemplate(source, { titles: true })
  const lines = [head(new FormatRow(headers)), ...rows.map((row) => render(new FormatRow(cells(row))))]
  return `${alignColumns(lines.join('\n'))}\n`
}

/** A row's fields without control characters: an image's text is a stranger's. */
function cells(row: RowFields): RowFields {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value)]))
}

function cell(value: unknown): unknown {
  if (typeof value === 'string') return oneLine(value)
  if (typeof value !== 'function') return value
  return (...args: readonly unknown[]): unknown =>
    cell((value as (...args: readonly unknown[]) => unknown)(...args))
}

/** `\t` and `\n` typed in a shell's single quotes. */
function unescape(format: string): string {
  return format.replaceAll(String.raw`\t`, '\t').replaceAll(String.raw`\n`, '\n')
}
