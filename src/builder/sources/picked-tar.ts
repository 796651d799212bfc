import type { Readable } from 'node:stream'
import type { LayerTarEntry } from '../../tar/check-entry.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'

/** A tar below a folder of the whole. */
export interface TarPart {
  readonly tar: SpooledTar
  /** Where its root is; empty for the root itself. */
  readonly at: string
}

/**
 * Several tars as one, of which only the folder `root` is shown, as if it were all there is: nothing leads out of it.
 * Closing it closes them.
 */
export class PickedTar implements SpooledTar {
  readonly entries: readonly LayerTarEntry[]
  readonly #owners = new Map<LayerTarEntry, { readonly tar: SpooledTar; readonly member: LayerTarEntry }>()
  readonly #parts: readonly TarPart[]

  constructor(parts: readonly TarPart[], root: string = '') {
    this.#parts = parts
    const entries: LayerTarEntry[] = []
    for (const { tar, at } of parts) {
      for (const member of tar.entries) {
        const path = below(root, join(at, member.path))
        if (path === undefined) continue
        const entry = { ...member, path }
        this.#owners.set(entry, { tar, member })
        entries.push(entry)
      }
    }
    this.entries = entries
  }

  read(entry: LayerTarEntry, target: Buffer, offset: number): number {
    const { tar, member } = this.#owner(entry)
    return tar.read(member, target, offset)
  }

  open(entry: LayerTarEntry): Readable {
    const { tar, member } = this.#owner(entry)
    return tar.open(member)
  }

  [Symbol.dispose](): void {
    for (const { tar } of this.#parts) tar[Symbol.dispose]()
  }

  #owner(entry: LayerTarEntry): { readonly tar: SpooledTar; readonly member: LayerTarEntry } {
    const owner = this.#owners.get(entry)
    if (owner === undefined) throw new TypeError(`${entry.path} is of another tar`)
    return owner
  }
}

function join(folder: string, path: string): string {
  return folder === '' ? path : path === '' ? folder : `${folder}/${path}`
}

/** `path` from `root` on; undefined when it is elsewhere. */
function below(root: string, path: string): string | undefined {
  if (root === '' || path === root) return path === root ? '' : path
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined
}
