import type { OpOptions } from '../util/progress.ts'

export type EventType = 'builder' | 'container' | 'image' | 'network' | 'volume'

/** Something that happened to an object of the store, in Docker's words. */
export interface EngineEvent {
  readonly type: EventType
  /** `start`, `exec_create: ls -l`, `health_status: healthy`. */
  readonly action: string
  /** Of the object: a container's or image's ID, a reference, a volume's name. */
  readonly id: string
  /** Of the object (name, labels) and of the action (exitCode). */
  readonly attributes: Readonly<Record<string, string>>
  /** Nanoseconds since the epoch. */
  readonly time: bigint
}

export interface EventSpan extends OpOptions {
  /** Nanoseconds; with it events of the past come first. */
  readonly since?: bigint | undefined
  /** Nanoseconds; without it reading goes on until the signal. */
  readonly until?: bigint | undefined
}

/** What happened in a store, for whoever looks: all processes write to it, none has to be running. */
export interface EventLog {
  /** Never fails: what happened has happened, whether it can be told or not. */
  append(event: Omit<EngineEvent, 'time'>): void
  /** In the order in which they were appended. The newest 2,000 at least are kept. Ends quietly when the signal fires. */
  read(span: EventSpan): AsyncGenerator<EngineEvent, void, undefined>
}
