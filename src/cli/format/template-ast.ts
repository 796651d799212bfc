/** What `parseTemplate` makes of a Go template. */
export type TemplateNode =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | BlockNode
  | { readonly kind: 'jump'; readonly flow: 'break' | 'continue' }

export interface BlockNode {
  readonly kind: 'block'
  readonly block: 'if' | 'with' | 'range'
  readonly pipe: Pipe
  readonly body: readonly TemplateNode[]
  readonly otherwise: readonly TemplateNode[]
}

/** `$a, $b := cmd | cmd`. */
export interface Pipe {
  readonly variables: readonly string[]
  /** `=` instead of `:=`. */
  readonly assigns: boolean
  readonly commands: readonly (readonly Operand[])[]
}

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'dot'; readonly fields: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly fields: readonly string[] }
