import type { Digest } from '../../../oci/digest.ts'

/** Something that happened to an image. */
export interface RegistryEvent {
  /** 32 random hex digits: who is told twice can tell. */
  readonly id: string
  readonly time: Date
  readonly action: 'push' | 'pull' | 'delete' | 'mount'
  readonly repository: string
  /** Of the manifest; of the blob for a mount; absent when a tag alone was deleted. */
  readonly digest?: Digest
  readonly tag?: string
  readonly mediaType?: string
  /** Bytes of the manifest. */
  readonly size?: number
  /** The repository that a blob was mounted from. */
  readonly from?: string
  /** Absent when nobody logged in. */
  readonly user?: string
  /** Address of the client. */
  readonly remote: string
}

/** What an endpoint tells; the rest is known to who called it. */
export type ReportedEvent = Omit<RegistryEvent, 'id' | 'time' | 'user' | 'remote'>

/** A request that is over. */
export interface SeenRequest {
  readonly method: string
  readonly status: number
  readonly ms: number
  /** Bytes of the answer's body, as its header says; 0 when it says nothing. */
  readonly sent: number
  readonly received: number
  readonly isAborted: boolean
}

/** Is told of everything, and holds nothing up. */
export interface RegistryObserver {
  request?(seen: SeenRequest): void
  event?(event: RegistryEvent): void
}
