import type { ChainId } from '../../oci/digest.ts'
import type { Ingredient } from '../../store/store.ts'
import { FileList } from '../cache/file-list.ts'
import { contentDigest, listFiles, readSelection } from '../context/content-digest.ts'
import type { Selection } from '../context/content-digest.ts'
import { findPath } from '../context/select-sources.ts'
import type { CopyOrigin, PlannedMount } from '../plan/step.ts'
import { originText } from '../plan/step.ts'
import type { Content } from '../operations/operation.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import { emptyResult } from '../session.ts'
import { mountFailure, placed } from './mount-failure.ts'

export type BindMountOp = Extract<PlannedMount, { type: 'bind' }>

/**
 * What the mounts of a RUN add to its key: what their flags say by text, what a bind mount shows by content. What is in
 * a cache mount or a secret is no part of it, nor what only steers them (sharing, whether they are required).
 */
export class MountSources {
  readonly #session: BuildSession
  readonly #inputs: StepInputs
  readonly #mounts: readonly PlannedMount[]
  readonly #selections = new Map<BindMountOp, Promise<Selection>>()

  constructor(session: BuildSession, inputs: StepInputs, mounts: readonly PlannedMount[]) {
    this.#session = session
    this.#inputs = inputs
    this.#mounts = mounts
  }

  /** Without a look at any file; undefined when there are mounts of the context, which has no name of its own. */
  byName(): Ingredient[] | undefined {
    if (this.#mounts.some((mount) => mount.type === 'bind' && mount.origin.kind === 'context'))
      return undefined
    return this.#mounts.flatMap((mount) => {
      const source = 'source' in mount ? [text(`source of ${mount.target}`, mount.source)] : []
      return [flagText(mount), ...source, ...this.#chainOf(mount)]
    })
  }

  /** By the bytes of what is mounted; undefined when the name says as much. */
  get byContent(): (() => Promise<Content>) | undefined {
    const read = this.#mounts.filter((mount) => mount.type === 'bind' && !this.#isUnchanging(mount.origin))
    return read.length === 0 ? undefined : () => this.#readContent()
  }

  /** The files that a mount of the context shows. STEP_FAILED when its source is not there. */
  selection(mount: BindMountOp): Promise<Selection> {
    const known = this.#selections.get(mount)
    if (known !== undefined) return known
    const selection = this.#select(mount)
    this.#selections.set(mount, selection)
    return selection
  }

  async #readContent(): Promise<Content> {
    const ingredients: Ingredient[] = []
    const selections: { readonly mount: BindMountOp; readonly selection: Selection }[] = []
    for (const mount of this.#mounts) {
      ingredients.push(flagText(mount))
      if (mount.type !== 'bind' || this.#isUnchanging(mount.origin)) {
        if ('source' in mount) ingredients.push(text(`source of ${mount.target}`, mount.source))
        ingredients.push(...this.#chainOf(mount))
        continue
      }
      const selection = await this.selection(mount)
      selections.push({ mount, selection })
      ingredients.push({ kind: 'mount', name: mount.target, value: contentDigest(selection) })
    }
    return { ingredients, files: () => listAll(selections) }
  }

  async #select(mount: BindMountOp): Promise<Selection> {
    const { origin, source } = mount
    const { signal } = this.#session
    const isContext = origin.kind === 'context'
    const tree = isContext
      ? await this.#session.context(origin.name)
      : await this.#session.tree(this.chain(origin))
    const node = placed(this.#session, this.#inputs, mount, () => findPath(tree, source))
    if (node !== undefined) return await readSelection(tree, [{ node, name: '' }], signal)
    const where = originText(origin, 'mounted')
    const hidden = tree.explainMissing(source.replace(/^\/+/, ''))
    const reason = `"${source}" is not in ${where}${hidden === undefined ? '' : `: ${hidden}`}`
    throw mountFailure(this.#session, this.#inputs, mount, reason)
  }

  /** Layers of a base image never come in another form: their name says what they hold. */
  #isUnchanging(origin: CopyOrigin): boolean {
    return origin.kind === 'empty' || (origin.kind === 'step' && this.#result(origin)?.added === undefined)
  }

  #chainOf(mount: PlannedMount): Ingredient[] {
    if (!('origin' in mount) || mount.origin.kind !== 'step') return []
    return [{ kind: 'input', name: `from of ${mount.target}`, value: this.chain(mount.origin) ?? 'empty' }]
  }

  /** The layers that a mount shows; undefined is empty. */
  chain(origin: CopyOrigin): ChainId | undefined {
    return this.#result(origin)?.chain
  }

  #result(origin: CopyOrigin): typeof emptyResult | undefined {
    return origin.kind === 'step' ? this.#inputs.results.get(origin.step) : emptyResult
  }
}

function text(name: string, value: string): Ingredient {
  return { kind: 'text', name, value }
}

/** What a flag says that the command can see. */
function flagText(mount: PlannedMount): Ingredient {
  switch (mount.type) {
    case 'bind':
    case 'cache':
      return text(`${mount.type} mount ${mount.target}`, mount.readonly ? 'ro' : 'rw')
    case 'tmpfs':
      return text(`tmpfs mount ${mount.target}`, `${mount.readonly ? 'ro' : 'rw'} ${mount.size ?? ''}`)
    case 'secret':
    case 'ssh': {
      const { type, id, target = '', mode, uid, gid } = mount
      const env = mount.type === 'secret' ? (mount.env ?? '') : ''
      return text(`${type} mount ${id}`, JSON.stringify([target, env, mode, uid, gid]))
    }
  }
}

/** Files by the path people know; those of other stages behind the place they are mounted on. */
function listAll(all: readonly { readonly mount: BindMountOp; readonly selection: Selection }[]): FileList {
  const seen = new Set<string>()
  const files = function* (): Generator<readonly [path: string, line: string]> {
    for (const { mount, selection } of all) {
      const prefix = selection.tree.isContext ? '' : `${mount.target}: `
      for (const [path, line] of listFiles(selection)) {
        // two mounts may show one file of the context
        if (all.length > 1 && seen.has(prefix + path)) continue
        if (all.length > 1) seen.add(prefix + path)
        yield [prefix + path, line]
      }
    }
  }
  return FileList.from(files())
}
