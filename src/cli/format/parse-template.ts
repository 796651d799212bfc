import type { Operand, Pipe, TemplateNode } from './template-ast.ts'
import { isTemplateFunction } from './template-functions.ts'
import { templateError, type Token, tokenize } from './template-tokens.ts'

/**
 * Parses a Go text/template: text, pipelines, variables, if/else if, with, range (break, continue).
 * Not `define`, `template`, `block`. CLI_TEMPLATE with Go's wording.
 */
export function parseTemplate(source: string): readonly TemplateNode[] {
  const reader = new TokenReader(tokenize(source))
  const { nodes, end } = reader.nodes(0)
  if (end !== 'eof') throw templateError(`unexpected {{${end}}}`)
  return nodes
}

type BlockEnd = 'eof' | 'end' | 'else'

class TokenReader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** Nodes up to the action that ends the block; after `else` its keyword is read, the rest is not. */
  nodes(depth: number): { readonly nodes: readonly TemplateNode[]; readonly end: BlockEnd } {
    if (depth > 100) throw templateError('nested too deep')
    const nodes: TemplateNode[] = []
    for (;;) {
      const token = this.#next()
      if (token === undefined) return { nodes, end: 'eof' }
      if (token.kind === 'text') {
        nodes.push(token)
        continue
      }
      const first = this.#peek()
      const word = first?.kind === 'word' ? first.value : ''
      if (word === 'end' || word === 'else') {
        this.#at += 1
        if (word === 'end') this.#close()
        return { nodes, end: word }
      }
      nodes.push(this.#action(word, depth))
    }
  }

  #action(word: string, depth: number): TemplateNode {
    if (word === 'if' || word === 'with' || word === 'range') {
      this.#at += 1
      return this.#block(word, depth)
    }
    if (word === 'break' || word === 'continue') {
      this.#at += 1
      this.#close()
      return { kind: 'jump', flow: word }
    }
    const pipe = this.#pipe('command')
    this.#close()
    return { kind: 'print', pipe }
  }

  #block(block: 'if' | 'with' | 'range', depth: number): TemplateNode {
    const pipe = this.#pipe(block)
    this.#close()
    const { nodes: body, end } = this.nodes(depth + 1)
    if (end === 'eof') throw templateError('unexpected EOF')
    if (end === 'end') return { kind: 'block', block, pipe, body, otherwise: [] }
    const next = this.#peek()
    if (next?.kind === 'word' && (next.value === 'if' || next.value === 'with') && block !== 'range') {
      this.#at += 1
      return { kind: 'block', block, pipe, body, otherwise: [this.#block(next.value, depth + 1)] }
    }
    this.#close()
    const rest = this.nodes(depth + 1)
    if (rest.end !== 'end')
      throw templateError(rest.end === 'eof' ? 'unexpected EOF' : 'expected end; found {{else}}')
    return { kind: 'block', block, pipe, body, otherwise: rest.nodes }
  }

  #pipe(context: string): Pipe {
    const { variables, assigns } = this.#declaration()
    const commands: Operand[][] = []
    for (;;) {
      const operands = this.#operands()
      if (operands.length === 0) throw templateError(`missing value for ${context}`)
      const head = operands[0]
      if (commands.length > 0 && head?.kind === 'literal') {
        throw templateError(`non executable command in pipeline stage ${commands.length + 1}`)
      }
      commands.push(operands)
      if (!this.#take('|')) return { variables, assigns, commands }
    }
  }

  #declaration(): { variables: string[]; assigns: boolean } {
    const start = this.#at
    const variables: string[] = []
    while (this.#peek()?.kind === 'variable') {
      const token = this.#next()
      if (token?.kind === 'variable') variables.push(token.value)
      if (this.#take(':=')) return { variables, assigns: false }
      if (this.#take('=')) return { variables, assigns: true }
      if (!this.#take(',')) break
    }
    this.#at = start
    return { variables: [], assigns: false }
  }

  #operands(): Operand[] {
    const operands: Operand[] = []
    for (;;) {
      const operand = this.#operand()
      if (operand === undefined) return operands
      operands.push(operand)
    }
  }

  #operand(): Operand | undefined {
    const token = this.#peek()
    if (token === undefined) return undefined
    if (token.kind === 'literal') {
      this.#at += 1
      return token
    }
    if (token.kind === 'dot') {
      this.#at += 1
      return { kind: 'dot', fields: [] }
    }
    if (token.kind === 'field') return { kind: 'dot', fields: this.#fields(true) }
    if (token.kind === 'variable') {
      this.#at += 1
      return { kind: 'variable', name: token.value, fields: this.#fields(false) }
    }
    if (token.kind === 'word') {
      this.#at += 1
      return wordOperand(token.value)
    }
    if (!this.#take('(')) return undefined
    const pipe = this.#pipe('parenthesized pipeline')
    if (!this.#take(')')) throw templateError('unclosed left paren')
    return { kind: 'pipe', pipe, fields: this.#fields(false) }
  }

  /** `.A.B` without space between; the first may stand after a space when it begins the operand. */
  #fields(first: boolean): string[] {
    const fields: string[] = []
    for (;;) {
      const token = this.#peek()
      if (token?.kind !== 'field' || (token.spaced && !(first && fields.length === 0))) return fields
      fields.push(token.value)
      this.#at += 1
    }
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #next(): Token | undefined {
    const token = this.#tokens[this.#at]
    this.#at += 1
    return token
  }

  #take(symbol: string): boolean {
    const token = this.#peek()
    if (token?.kind !== 'symbol' || token.value !== symbol) return false
    this.#at += 1
    return true
  }

  #close(): void {
    const token = this.#next()
    if (token?.kind === 'close') return
    throw templateError(
      token === undefined ? 'unclosed action' : `unexpected <${describe(token)}> in command`,
    )
  }
}

function describe(token: Token): string {
  return 'value' in token ? String(token.value) : token.kind
}

function wordOperand(word: string): Operand {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' }
  if (word === 'nil') return { kind: 'literal', value: null }
  if (!isTemplateFunction(word)) throw templateError(`function "${word}" not defined`)
  return { kind: 'function', name: word }
}
