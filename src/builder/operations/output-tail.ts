import { StringDecoder } from 'node:string_decoder'

/** A line without end must not fill memory. */
const longestLine = 2000

/** The last lines of a process's output; what came before is forgotten. */
export class OutputTail {
  readonly #limit: number
  readonly #decoder = new StringDecoder('utf8')
  #lines: string[] = []
  #open = ''

  constructor(limit: number) {
    this.#limit = limit
  }

  add(chunk: Buffer): void {
    const parts = (this.#open + this.#decoder.write(chunk)).split('\n')
    this.#open = (parts.pop() ?? '').slice(-longestLine)
    if (parts.length > 0) this.#lines = [...this.#lines, ...parts.slice(-this.#limit)].slice(-this.#limit)
  }

  lines(): string[] {
    const all = this.#open === '' ? this.#lines : [...this.#lines, this.#open]
    // what a carriage return overwrote was not on the screen either
    return all
      .slice(-this.#limit)
      .map((line) => line.replace(/\r$/, '').replace(/^.*\r/, '').slice(0, longestLine))
  }
}
