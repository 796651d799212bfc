/** Wire shape of one image: `GET /images/{name}/json` and `image inspect`. */
export interface ImageInspect {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Parent: string
  readonly Comment: string
  readonly Created: string
  readonly DockerVersion: string
  readonly Author: string
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly OsVersion?: string
  readonly Size: number
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string }
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] }
  readonly Metadata: { readonly LastTagTime: string }
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number }
  readonly Config: ContainerConfigWire
  /** mille's own: what is stated about images of an index. */
  readonly Attestations?: readonly {
    readonly Subject: string
    readonly PredicateType: string
    readonly Digest: string
    readonly Size: number
  }[]
}

/** Docker's `Config` of images and containers: absent values are null or empty, never missing. */
export interface ContainerConfigWire {
  readonly Cmd: readonly string[] | null
  readonly Entrypoint: readonly string[] | null
  readonly Env: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>> | null
  readonly OnBuild: readonly string[] | null
  readonly User: string
  readonly Volumes: Readonly<Record<string, Record<string, never>>> | null
  readonly WorkingDir: string
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>
  readonly Healthcheck?: Readonly<Record<string, unknown>>
  readonly Shell?: readonly string[]
  readonly StopSignal?: string
}
