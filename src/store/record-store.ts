import type { Resource } from './store.ts'

export type RecordKind = 'container' | 'volume' | 'network' | 'cache-mount' | 'failed-step'

export interface RecordRow<Data> {
  readonly id: string
  readonly name: string
  readonly data: Data
  /** Kept alive while the record exists. */
  readonly holds?: readonly Resource[]
  readonly sequence: number
}

export interface RecordStore<Data> {
  list(): RecordRow<Data>[]
  get(id: string): RecordRow<Data> | undefined
  /** By name, whole id or unique id prefix; AMBIGUOUS_ID when several match. */
  find(nameOrId: string): RecordRow<Data> | undefined
  /** NAME_IN_USE when another row has the name. */
  insert(row: Omit<RecordRow<Data>, 'sequence'>, options?: RecordOptions): void
  /** Reads, changes and writes in one transaction; undefined when the row is gone. */
  update(id: string, change: (data: Data) => Data, options?: UpdateOptions): RecordRow<Data> | undefined
  rename(id: string, name: string): void
  remove(id: string, options?: RecordOptions): boolean
}

export interface UpdateOptions {
  /** On a full disk: may use the space that is set aside, as it says the end of something. */
  readonly frees?: boolean
}

export interface RecordOptions {
  /** Default true: the change survives a power cut once the command has ended. False: after one, the row may be there or not. */
  readonly durable?: boolean
}
