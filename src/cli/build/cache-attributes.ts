import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { parseAttributes } from '../input/parse-attributes.ts'

const refuse = (reason: string): Error => failure('CLI_FAILED', { reason })

/** Their values are never shown. */
const secrets = new Set(['access_key_id', 'secret_access_key', 'session_token', 'token'])

function shownField([key, value]: readonly [string, string | undefined]): string {
  if (value === undefined) return key
  return `${key}=${secrets.has(key) ? '(hidden)' : value}`
}

/** The attributes of one cache; what nobody asked for is refused at the end. */
export class CacheAttributes {
  readonly flag: string
  readonly shown: string
  readonly #values: ReadonlyMap<string, string | undefined>
  readonly #known = new Set<string>()

  constructor(flag: string, text: string) {
    this.flag = flag
    this.#values = parseAttributes(text)
    this.shown = [...this.#values].map(shownField).join(',')
  }

  text(key: string): string | undefined {
    this.#known.add(key)
    return this.#values.get(key)
  }

  required(key: string, type: string): string {
    const value = this.text(key)
    if (value === undefined || value === '')
      throw refuse(`${this.flag} type=${type} needs ${key}=…: in "${this.shown}" it is missing`)
    return value
  }

  truth(key: string, initial: boolean): boolean {
    this.#known.add(key)
    if (!this.#values.has(key)) return initial
    const value = this.#values.get(key) ?? 'true'
    if (/^(1|t|true)$/i.test(value)) return true
    if (/^(0|f|false)$/i.test(value)) return false
    throw refuse(`${key} of ${this.flag}: "${value}" is neither true nor false`)
  }

  refuseUnknown(): void {
    const unknown = [...this.#values.keys()].find((key) => !this.#known.has(key))
    if (unknown === undefined) return
    const near = suggest(unknown, [...this.#known])
    const hint = near === undefined ? `there are ${[...this.#known].join(', ')}` : `did you mean ${near}?`
    throw refuse(`unknown attribute "${unknown}" of ${this.flag} "${this.shown}": ${hint}`)
  }
}
