import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { FormatRow, isTruthy, printGo } from './go-value.ts'
import { parseTemplate } from './parse-template.ts'
import type { BlockNode, Operand, Pipe, TemplateNode } from './template-ast.ts'
import { callTemplateFunction } from './template-functions.ts'

/** Fields whose keys are the user's: a missing one is empty, not a mistake. */
const openFields = new Set([
  'Attributes',
  'Labels',
  'Annotations',
  'Options',
  'Ports',
  'PortBindings',
  'ExposedPorts',
  'Volumes',
  'Networks',
  'Data',
  'Sysctls',
  'Tmpfs',
])

/** Fields of `Config` that a document leaves out when they are unset. */
const unsetFields: ReadonlyMap<string, unknown> = new Map([
  ['Healthcheck', null],
  ['ExposedPorts', null],
  ['Shell', null],
  ['StopSignal', ''],
])

const titleFunctions = new Set(['json', 'split', 'join', 'title', 'lower', 'upper', 'pad', 'truncate'])

/** A compiled template: renders one value. CLI_TEMPLATE for a field that does not exist, with the near name. */
export type Template = (value: unknown) => string

/**
 * Compiles a Go template. CLI_TEMPLATE when it is no template. With `titles` the value is a table's column titles, which
 * functions leave as they are: `{{upper .ID}}` still heads its column `IMAGE ID`.
 */
export function compileTemplate(source: string, options: { readonly titles?: boolean } = {}): Template {
  const nodes = parseTemplate(source)
  return (value) => {
    const run = new TemplateRun(value, options.titles ?? false)
    run.nodes(nodes, value, run.root)
    return run.output
  }
}

interface Scope {
  readonly parent: Scope | undefined
  readonly values: Map<string, unknown>
}

type Flow = 'next' | 'break' | 'continue'

class TemplateRun {
  output = ''
  readonly root: Scope

  readonly #titles: boolean

  constructor(value: unknown, titles: boolean) {
    this.#titles = titles
    this.root = { parent: undefined, values: new Map([['', value]]) }
  }

  nodes(nodes: readonly TemplateNode[], dot: unknown, scope: Scope): Flow {
    for (const node of nodes) {
      const flow = this.#node(node, dot, scope)
      if (flow !== 'next') return flow
    }
    return 'next'
  }

  #node(node: TemplateNode, dot: unknown, scope: Scope): Flow {
    if (node.kind === 'text') this.output += node.value
    else if (node.kind === 'print') {
      const value = this.#pipe(node.pipe, dot, scope)
      if (node.pipe.variables.length === 0) this.output += printGo(value)
    } else if (node.kind === 'jump') return node.flow
    else if (node.block === 'range') this.#range(node, dot, scope)
    else {
      const inner: Scope = { parent: scope, values: new Map() }
      const value = this.#pipe(node.pipe, dot, inner)
      if (!isTruthy(value)) return this.nodes(node.otherwise, dot, inner)
      return this.nodes(node.body, node.block === 'with' ? value : dot, inner)
    }
    return 'next'
  }

  #range(node: BlockNode, dot: unknown, scope: Scope): void {
    const value = this.#pipe({ ...node.pipe, variables: [] }, dot, scope)
    const items = rangeItems(value)
    for (const [key, item] of items) {
      const inner: Scope = { parent: scope, values: new Map() }
      const [first, second] = node.pipe.variables
      if (second !== undefined && first !== undefined) {
        inner.values.set(first, key)
        inner.values.set(second, item)
      } else if (first !== undefined) inner.values.set(first, item)
      if (this.nodes(node.body, item, inner) === 'break') break
    }
    if (items.length === 0) this.nodes(node.otherwise, dot, scope)
  }

  #pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    let value: unknown
    for (const [index, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, scope, index === 0 ? [] : [value])
    }
    for (const name of pipe.variables) {
      if (pipe.assigns) assign(scope, name, value)
      else scope.values.set(name, value)
    }
    return value
  }

  #command(command: readonly Operand[], dot: unknown, scope: Scope, piped: readonly unknown[]): unknown {
    const [head, ...rest] = command
    if (head === undefined) return undefined
    if (head.kind !== 'function') {
      const value = this.#operand(head, dot, scope)
      if (isRowMethod(value)) {
        return value(...rest.map((operand) => this.#operand(operand, dot, scope)), ...piped)
      }
      if (rest.length + piped.length > 0 && !this.#titles)
        throw templateFailure(`can't give argument to non-function ${describe(head)}`)
      return value
    }
    const values = [...rest.map((operand) => this.#operand(operand, dot, scope)), ...piped]
    if (this.#titles && titleFunctions.has(head.name))
      return values.find((value) => typeof value === 'string')
    return call(head.name, values)
  }

  #operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value
      case 'dot':
        return readFields(dot, operand.fields)
      case 'variable':
        return readFields(lookup(scope, operand.name), operand.fields)
      case 'function':
        return call(operand.name, [])
      case 'pipe':
        return readFields(this.#pipe(operand.pipe, dot, scope), operand.fields)
    }
  }
}

/** `{{.Label "key"}}`: a field of a row that takes arguments. */
function isRowMethod(value: unknown): value is (...values: readonly unknown[]) => unknown {
  return typeof value === 'function'
}

function call(name: string, values: readonly unknown[]): unknown {
  try {
    return callTemplateFunction(name, values)
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause
    throw templateFailure(`executing "" at <${name}>: error calling ${name}: ${cause.message}`)
  }
}

function templateFailure(reason: string): Error {
  return failure('CLI_TEMPLATE', { reason: `template: :1:2: ${reason}` })
}

function describe(operand: Operand): string {
  return 'fields' in operand ? `.${operand.fields.join('.')}` : String(operand.kind)
}

function lookup(scope: Scope | undefined, name: string): unknown {
  for (let at = scope; at; at = at.parent) if (at.values.has(name)) return at.values.get(name)
  throw templateFailure(`undefined variable "$${name}"`)
}

function assign(scope: Scope, name: string, value: unknown): void {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    if (!at.values.has(name)) continue
    at.values.set(name, value)
    return
  }
  throw templateFailure(`undefined variable "$${name}"`)
}

function rangeItems(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item])
  if (typeof value === 'number') return Array.from({ length: value }, (_, index) => [index, index])
  if (typeof value === 'object' && !(value instanceof FormatRow)) {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  }
  throw templateFailure(`range can't iterate over ${printGo(value)}`)
}

function readFields(value: unknown, fields: readonly string[]): unknown {
  let at = value
  let open = false
  for (const [index, name] of fields.entries()) {
    const path = `.${fields.slice(0, index + 1).join('.')}`
    if (at === null && open) return undefined
    if (at === null || at === undefined) {
      throw templateFailure(`executing "" at <${path}>: nil pointer evaluating interface {}.${name}`)
    }
    const record = at instanceof FormatRow ? at.fields : at
    if (typeof record !== 'object' || Array.isArray(record)) {
      throw templateFailure(`executing "" at <${path}>: can't evaluate field ${name} in ${printGo(at)}`)
    }
    if (Object.hasOwn(record, name)) at = (record as Record<string, unknown>)[name]
    else if (open) return undefined
    else if (fields[index - 1] === 'Config' && unsetFields.has(name)) at = unsetFields.get(name)
    else throw missingField(path, name, Object.keys(record))
    open = openFields.has(name)
  }
  return at
}

function missingField(path: string, name: string, known: readonly string[]): Error {
  const near = suggest(name, known)
  const hint = near === undefined ? `; there are ${known.toSorted().join(', ')}` : `, did you mean .${near}?`
  return templateFailure(`executing "" at <${path}>: can't evaluate field ${name}${known.length ? hint : ''}`)
}
