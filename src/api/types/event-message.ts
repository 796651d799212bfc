/** Docker's wire shape of an event. */
export interface EventMessage {
  /** The three old fields, for containers and images only. */
  readonly status?: string
  readonly id?: string
  readonly from?: string
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Seconds. */
  readonly time: number
  readonly timeNano: bigint
}
