import type { ChainId } from '../../oci/digest.ts'
import type { Ingredient, LayerInfo } from '../../store/store.ts'
import type { FileList } from '../cache/file-list.ts'

/** The layer a step made, on its parent; undefined when it changed nothing. */
export type StepLayer = { readonly layer: LayerInfo; readonly chain: ChainId } | undefined

/** What decides a step's result. */
export interface Content {
  readonly ingredients: readonly Ingredient[]
  /** Every file with what is known about it, to explain a later miss; made only when it is needed. */
  readonly files?: () => FileList
  /**
   * It was only remembered, as nothing changed since: that is enough to find a result. To make one, the files are read
   * by this, which may say otherwise when they changed meanwhile.
   */
  readonly read?: () => Promise<Content>
}

/** A step made ready: how to know it again, and how to do it. */
export interface PreparedStep extends Partial<AsyncDisposable> {
  /**
   * Known from text alone and tried first; undefined when text says nothing without a look at the files (a context).
   */
  readonly definition?: readonly Ingredient[]
  /**
   * From the bytes: COPY and ADD. When absent the definition is all there is. `isNew` tells that a result from before
   * is most unlikely: then the step may do its work at once and learn its content by that.
   */
  readonly content?: (isNew: boolean) => Promise<Content>
  run(): Promise<StepLayer>
}
