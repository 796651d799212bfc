import type { EndpointWire, MountPointWire } from './container-inspect.ts'

/** Wire shape of one row of `GET /containers/json`. */
export interface ContainerSummary {
  readonly Id: string
  /** With a slash before them. */
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly Command: string
  /** Seconds. */
  readonly Created: number
  readonly Ports: readonly PortWire[]
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Labels: Readonly<Record<string, string>>
  readonly State: string
  readonly Status: string
  readonly HostConfig: { readonly NetworkMode: string }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointWire>> }
  readonly Mounts: readonly MountPointWire[]
}

export interface PortWire {
  readonly IP?: string
  readonly PrivatePort: number
  readonly PublicPort?: number
  readonly Type: string
}
