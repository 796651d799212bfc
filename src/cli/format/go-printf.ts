import { printGo } from './go-value.ts'

/** Go's `fmt.Sprintf` for the verbs templates use: v s d q x X o b c t f e g and %%, with flags, width and precision. */
export function goPrintf(format: string, values: readonly unknown[]): string {
  let index = 0
  const text = format.replace(
    /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*)?)?([a-zA-Z%])/g,
    (whole, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      const wide = width === '*' ? Number(values[index++]) : Number(width ?? 0)
      const exact = precision === '*' ? Number(values[index++]) : precision && Number(precision)
      if (index >= values.length) return `%!${verb}(MISSING)`
      const digits = whole.includes('.') ? Number(exact ?? 0) : undefined
      return pad(convert(verb, values[index++], digits, flags), wide, flags)
    },
  )
  const extra = values.slice(index)
  if (extra.length === 0) return text
  return `${text}%!(EXTRA ${extra.map((value) => `${goType(value)}=${printGo(value)}`).join(', ')})`
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0')) return text.padStart(width)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}

function convert(verb: string, value: unknown, digits: number | undefined, flags: string): string {
  const signed = (text: string): string => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : text)
  const wrong = (): string => `%!${verb}(${goType(value)}=${printGo(value)})`
  switch (verb) {
    case 'v':
      return printGo(value)
    case 's':
      if (typeof value === 'number' || typeof value === 'boolean') return wrong()
      return digits === undefined ? printGo(value) : [...printGo(value)].slice(0, digits).join('')
    case 'q':
      return JSON.stringify(printGo(value))
    case 't':
      return typeof value === 'boolean' ? String(value) : wrong()
    default:
      break
  }
  if (typeof value === 'string' && (verb === 'x' || verb === 'X')) {
    const hex = Buffer.from(value).toString('hex')
    return verb === 'x' ? hex : hex.toUpperCase()
  }
  if (typeof value !== 'number') return wrong()
  return signed(convertNumber(verb, value, digits) ?? wrong())
}

function convertNumber(verb: string, value: number, digits: number | undefined): string | undefined {
  const exponent = (text: string): string => text.replace(/e([+-])(\d)$/, 'e$10$2')
  switch (verb) {
    case 'd':
      return String(Math.trunc(value))
    case 'x':
      return value.toString(16)
    case 'X':
      return value.toString(16).toUpperCase()
    case 'o':
      return value.toString(8)
    case 'b':
      return value.toString(2)
    case 'c':
      return String.fromCodePoint(value)
    case 'f':
    case 'F':
      return value.toFixed(digits ?? 6)
    case 'e':
      return exponent(value.toExponential(digits ?? 6))
    case 'g':
      return String(digits === undefined ? value : Number(value.toPrecision(digits || 1)))
    default:
      return undefined
  }
}

function goType(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}
