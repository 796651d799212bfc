import type { ChainId } from '../oci/digest.ts'
import type { Store } from '../store/store.ts'
import type { Snapshot } from '../store/snapshotter.ts'
import { FolderTree } from './context/folder-tree.ts'
import type { SourceTree } from './context/source-tree.ts'
import { TarTree } from './context/tar-tree.ts'
import { LowerRoot } from './operations/lower-root.ts'

/** Read-only mounts of layer stacks that a build looks into, each made once and kept until the build ends. */
export class Views implements AsyncDisposable {
  readonly #store: Store
  readonly #prefix: string
  readonly #before: (chain: ChainId | undefined) => Promise<void>
  readonly #snapshots = new Map<ChainId | undefined, Promise<Snapshot>>()
  readonly #trees = new Map<ChainId, Promise<SourceTree>>()
  readonly #roots = new Map<ChainId | undefined, Promise<LowerRoot>>()

  /** `before` is asked to have a stack ready that is about to be mounted. */
  constructor(
    store: Store,
    prefix: string,
    before: (chain: ChainId | undefined) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#store = store
    this.#prefix = prefix
    this.#before = before
  }

  /** The folder they are mounted on. */
  async path(chain: ChainId | undefined): Promise<string> {
    return (await this.#snapshot(chain)).path
  }

  /** As sources of COPY: owners, modes and attributes as they are. */
  async tree(chain: ChainId | undefined): Promise<SourceTree> {
    if (chain === undefined) return new TarTree(undefined)
    return await remember(this.#trees, chain, async () => {
      const { path } = await this.#snapshot(chain)
      return new FolderTree(path, { isContext: false })
    })
  }

  /** As the files a new layer will lie on. */
  async lower(chain: ChainId | undefined): Promise<LowerRoot> {
    return await remember(
      this.#roots,
      chain,
      async () => new LowerRoot(chain === undefined ? undefined : (await this.#snapshot(chain)).path),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const settled = async <Value>(values: Iterable<Promise<Value>>): Promise<Value[]> =>
      (await Promise.allSettled(values)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    for (const tree of await settled(this.#trees.values())) await tree[Symbol.asyncDispose]()
    for (const root of await settled(this.#roots.values())) root[Symbol.dispose]()
    for (const { key } of await settled(this.#snapshots.values())) await this.#store.snapshots.remove(key)
  }

  #snapshot(chain: ChainId | undefined): Promise<Snapshot> {
    return remember(this.#snapshots, chain, async () => {
      const key = `${this.#prefix}-view-${this.#snapshots.size}`
      await this.#before(chain)
      return await this.#store.snapshots.view(key, chain)
    })
  }
}

function remember<Key, Value>(
  map: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
