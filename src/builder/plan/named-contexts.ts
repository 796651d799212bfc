import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { isMilleError } from '../../util/errors.ts'
import type { NamedContext } from '../build.ts'
import type { CopyOp } from './step.ts'

export interface FoundContext {
  /** As `BuildSession.context` takes it. */
  readonly name: string
  readonly context: NamedContext
}

/** `--build-context`s by name: `alpine`, `alpine:latest` and `docker.io/library/alpine` are one (B13). */
export class NamedContexts {
  readonly #contexts: ReadonlyMap<string, NamedContext>

  constructor(contexts: Readonly<Record<string, NamedContext>> = {}) {
    this.#contexts = new Map(Object.entries(contexts).map(([name, context]) => [contextName(name), context]))
  }

  find(name: string): FoundContext | undefined {
    const key = contextName(name)
    const context = this.#contexts.get(key)
    return context === undefined ? undefined : { name: key, context }
  }

  /** Does one stand for a stage of that name or base? */
  has(name: string | undefined): boolean {
    return name !== undefined && this.find(name) !== undefined
  }
}

function contextName(name: string): string {
  try {
    return familiarReference(withDefaultTag(parseReference(name))).replace(/:latest$/, '')
  } catch (error) {
    if (!isMilleError(error)) throw error
    return name.toLowerCase()
  }
}

/** All files of a named context, on nothing: what a stage starts with that is built on it. */
export function wholeContext(name: string): CopyOp {
  return {
    kind: 'copy',
    origin: { kind: 'context', name },
    sources: ['/'],
    files: [],
    destination: '/',
    intoFolder: true,
    exclude: [],
    parents: false,
  }
}

/** As `PlanOptions.resolve` takes it. */
export function imageName(context: Extract<NamedContext, { kind: 'image' | 'layout' }>): string {
  if (context.kind === 'image') return context.reference
  const { path, tag, digest } = context
  return `oci-layout://${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}
