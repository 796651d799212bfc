import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ParsedNode,
  type Scalar,
} from 'yaml'
import { failure } from '../../util/errors.ts'
import { plainValue } from './plain-value.ts'

/** A document of a YAML file as plain values: mappings, arrays, texts, numbers, booleans, null. */
export interface YamlTree {
  readonly value: unknown
  /** `12:3` of what stands at `services.web.image`; empty when nothing does. */
  position(path: string): string
  /** Paths marked `!reset` or `!override`: what earlier files say there does not count. */
  readonly cleared: readonly (readonly string[])[]
}

/** A file that needs more is no compose file: aliases of aliases would fill the memory ("billion laughs"). */
const limits = { bytes: 4 * 2 ** 20, values: 200_000, depth: 64 }

/**
 * Reads all documents of a file: anchors, aliases, merge keys and compose's tags. Scalars follow YAML 1.2's core schema with
 * the octal numbers of 1.1. Errors: COMPOSE_YAML with line and column.
 */
export function readYaml(text: string, file: string): YamlTree[] {
  if (text.length > limits.bytes) throw wrong(file, `the file is larger than ${limits.bytes} bytes`)
  checkNesting(text, file)
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'silent',
  })
  // a file without any document is an empty list with properties
  return Array.from(documents).map((document) => {
    const [error] = document.errors
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0])
      throw wrong(`${file}:${line}:${col}`, error.message)
    }
    return new TreeReader(file, lines).read(document.contents)
  })
}

function wrong(file: string, reason: string): Error {
  return failure('COMPOSE_YAML', { file, reason })
}

/** The parser calls itself for each level: the stack of thousands of brackets ends the process. */
function checkNesting(text: string, file: string): void {
  let depth = 0
  for (const letter of text) {
    if (letter === '[' || letter === '{') depth += 1
    else if (letter === ']' || letter === '}' || letter === '\n')
      depth = letter === '\n' ? depth : Math.max(0, depth - 1)
    if (depth > 1000) throw wrong(file, 'brackets are nested too deep')
  }
  if (/^(?: *[-?:] ){300}|^ {2000}/m.test(text)) throw wrong(file, 'values are nested too deep')
}

class TreeReader {
  readonly #file: string
  readonly #lines: LineCounter
  readonly #positions = new Map<string, number>()
  readonly #cleared: string[][] = []
  readonly #anchors = new Map<string, ParsedNode>()
  #values = 0

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  read(contents: ParsedNode | null): YamlTree {
    const value = contents === null ? null : this.#value(contents, [], 0)
    return {
      value,
      cleared: this.#cleared,
      position: (path) => {
        const offset = this.#positions.get(path)
        return offset === undefined ? '' : this.#at(offset)
      },
    }
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${line}:${col}`
  }

  #fail(node: Node, reason: string): Error {
    const offset = node.range?.[0]
    return wrong(offset === undefined ? this.#file : `${this.#file}:${this.#at(offset)}`, reason)
  }

  #value(node: ParsedNode, path: readonly string[], depth: number): unknown {
    this.#values += 1
    if (this.#values > limits.values)
      throw this.#fail(node, `more than ${limits.values} values, aliases counted`)
    if (depth > limits.depth) throw this.#fail(node, `values are nested deeper than ${limits.depth}`)
    const shown = path.join('.')
    if (!this.#positions.has(shown)) this.#positions.set(shown, node.range[0])
    if (isAlias(node)) return this.#value(this.#target(node), path, depth + 1)
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (node.tag === '!reset' || node.tag === '!override') this.#cleared.push([...path])
    if (node.tag === '!reset') return undefined
    if (isScalar(node)) return plainValue(node as Scalar)
    if (isSeq(node))
      return node.items
        .map((item, index) => this.#value(item as ParsedNode, [...path, String(index)], depth + 1))
        .filter((item) => item !== undefined)
    return isMap(node) ? this.#mapping(node, path, depth) : null
  }

  #target(alias: Node & { readonly source: string }): ParsedNode {
    const target = this.#anchors.get(alias.source)
    // an anchor is known from where it stands on: an alias inside of its own value would never end
    if (target === undefined || contains(target, alias))
      throw this.#fail(alias, `unknown anchor '${alias.source}'`)
    return target
  }

  #mapping(
    node: Extract<ParsedNode, { readonly items: readonly { readonly key: unknown }[] }>,
    path: readonly string[],
    depth: number,
  ): unknown {
    const own = new Map<string, unknown>()
    const merged = new Map<string, unknown>()
    // own keys come first: their positions count, not those of what is merged
    const isMerge = (key: ParsedNode): boolean => isScalar(key) && key.source === '<<' && key.type === 'PLAIN'
    const pairs = node.items as readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[]
    for (const { key, value } of pairs) {
      if (isMerge(key) && value !== null) {
        for (const [name, one] of this.#merge(value, path, depth))
          if (!merged.has(name)) merged.set(name, one)
        continue
      }
      if (!isScalar(key)) throw this.#fail(key, 'a key must be a text')
      const name = String(key.source ?? key.value)
      const inner = [...path, name]
      this.#positions.set(inner.join('.'), key.range?.[0] ?? 0)
      const one = value === null ? null : this.#value(value, inner, depth + 1)
      if (one !== undefined) own.set(name, one)
    }
    for (const [name, one] of merged) if (!own.has(name)) own.set(name, one)
    return Object.fromEntries(own)
  }

  /** What `<<` brings: of one mapping, or of several where the first counts. */
  #merge(node: ParsedNode, path: readonly string[], depth: number): [string, unknown][] {
    const source = isAlias(node) ? this.#target(node) : node
    if (isSeq(source))
      return source.items.toReversed().flatMap((item) => this.#merge(item as ParsedNode, path, depth + 1))
    const value = isMap(source) ? this.#value(source, path, depth + 1) : undefined
    if (typeof value !== 'object' || value === null)
      throw this.#fail(node, 'map merge requires map or sequence of maps as the value')
    return Object.entries(value)
  }
}

function contains(outer: ParsedNode, inner: Node): boolean {
  const [start = 0, , end = 0] = outer.range
  const at = inner.range?.[0] ?? -1
  return at > start && at < end
}
