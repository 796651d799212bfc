export interface VolumeDetails {
  readonly name: string
  readonly driver: 'local'
  readonly mountpoint: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly anonymous: boolean
  /** Ids of containers that mount it. */
  readonly usedBy: readonly string[]
}

export interface Volumes {
  /** By name. Docker's filters: dangling, driver, label, name; INVALID_FILTER. */
  list(filters?: Readonly<Record<string, readonly string[]>>): Promise<VolumeDetails[]>
  /** Idempotent for the same name. Absent name: anonymous, 64 hex digits. */
  create(request: {
    readonly name?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly options?: Readonly<Record<string, string>>
  }): Promise<VolumeDetails>
  /** NO_SUCH_VOLUME. */
  inspect(name: string): Promise<VolumeDetails>
  /** VOLUME_IN_USE names the containers; with `force` one that is not there is no error. */
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>
  prune(options?: {
    readonly all?: boolean
    readonly label?: readonly string[]
    readonly notLabel?: readonly string[]
  }): Promise<{ readonly removed: readonly string[]; readonly reclaimed: number }>
  /** Bytes of its files. */
  size(name: string): Promise<number>
}
