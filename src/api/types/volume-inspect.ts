/** Wire shape of one volume: `GET /volumes/{name}` and `volume inspect`. */
export interface VolumeInspect {
  readonly CreatedAt: string
  readonly Driver: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Mountpoint: string
  readonly Name: string
  readonly Options: Readonly<Record<string, string>> | null
  readonly Scope: 'local'
}
