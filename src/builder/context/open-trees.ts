import type { NamedContext } from '../build.ts'
import { NamedContexts } from '../plan/named-contexts.ts'
import type { ContextOptions } from './open-context.ts'
import { openTree } from './open-context.ts'
import type { SourceTree } from './source-tree.ts'

/** The files of named contexts, each opened at its first use and kept until the build ends. */
export class OpenTrees implements AsyncDisposable {
  readonly #contexts: NamedContexts
  readonly #options: ContextOptions
  readonly #trees = new Map<string, Promise<SourceTree>>()

  constructor(contexts: Readonly<Record<string, NamedContext>>, options: ContextOptions) {
    this.#contexts = new NamedContexts(contexts)
    this.#options = options
  }

  /** `name` as the plan has it; only contexts of files are asked for. */
  async tree(name: string): Promise<SourceTree> {
    const known = this.#trees.get(name)
    if (known !== undefined) return await known
    const { context } = this.#contexts.find(name) ?? {}
    if (
      context === undefined ||
      context.kind === 'image' ||
      context.kind === 'layout' ||
      context.kind === 'stage'
    )
      throw new TypeError(`context ${name} has no files`)
    const opened = openTree(context, this.#options)
    this.#trees.set(name, opened)
    return await opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of await Promise.allSettled(this.#trees.values())) {
      if (opened.status === 'fulfilled') await opened.value[Symbol.asyncDispose]()
    }
  }
}
