/** Wire shape of one network: `GET /networks/{id}` and `network inspect`. */
export interface NetworkInspect {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: 'local'
  readonly Driver: string
  readonly EnableIPv4: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: {
    readonly Driver: string
    readonly Options: Readonly<Record<string, string>> | null
    /** null for `host` and `none`. */
    readonly Config: readonly NetworkPoolWire[] | null
  }
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom: { readonly Network: string }
  readonly ConfigOnly: boolean
  readonly Containers: Readonly<Record<string, NetworkMemberWire>>
  readonly Options: Readonly<Record<string, string>>
  readonly Labels: Readonly<Record<string, string>>
}

export interface NetworkPoolWire {
  readonly Subnet: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}

export interface NetworkMemberWire {
  readonly Name: string
  readonly EndpointID: string
  readonly MacAddress: string
  /** With the length of the prefix: `172.30.0.2/16`. */
  readonly IPv4Address: string
  readonly IPv6Address: string
}
