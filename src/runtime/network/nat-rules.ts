import { runProgram } from '../../util/run-program.ts'
import { formatSubnet } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'
import type { PortBinding } from '../runtime.ts'

export interface RuledBridge {
  readonly name: string
  readonly subnet: Subnet
  /** Nothing goes in or out but between its members. */
  readonly internal: boolean
  /** What goes out keeps the member's own address. */
  readonly unmasked: boolean
}

/**
 * All of a bridge's rules, in a table of its own. Every line can be said again; nft takes the whole text or nothing.
 * Published ports are elements of maps: one look-up for a packet, however many there are.
 */
export function baseRules({ name: bridge, subnet, internal, unmasked }: RuledBridge): string {
  const table = tableName(bridge)
  const maps = (['tcp', 'udp'] as const).flatMap((protocol) => [
    `add map ip ${table} ${protocol}_any { type inet_service : ipv4_addr . inet_service ; }`,
    `add map ip ${table} ${protocol}_one { type ipv4_addr . inet_service : ipv4_addr . inet_service ; }`,
  ])
  const chains = {
    guard: '{ type filter hook prerouting priority -300 ; policy accept ; }',
    ports: '',
    prerouting: '{ type nat hook prerouting priority -100 ; policy accept ; }',
    output: '{ type nat hook output priority -100 ; policy accept ; }',
    postrouting: '{ type nat hook postrouting priority 100 ; policy accept ; }',
    forward: '{ type filter hook forward priority 0 ; policy accept ; }',
  }
  const network = formatSubnet(subnet)
  const rules = [
    // route_localnet opens the host's loopback to the bridge; nothing from a container may use that
    `guard iifname "${bridge}" ip daddr 127.0.0.0/8 drop`,
    ...(['tcp', 'udp'] as const).flatMap((protocol) => [
      `ports dnat ip to ip daddr . ${protocol} dport map @${protocol}_one`,
      `ports dnat ip to ${protocol} dport map @${protocol}_any`,
    ]),
    'prerouting fib daddr type local jump ports',
    'output fib daddr type local jump ports',
    ...(internal ? closed(bridge) : apart(bridge)),
    ...(internal || unmasked ? [] : [`postrouting ip saddr ${network} oifname != "${bridge}" masquerade`]),
    // answers to a local client, and to a container that calls itself by a published port, must come back this way
    `postrouting ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    `postrouting ip saddr ${network} oifname "${bridge}" ct status dnat masquerade`,
  ]
  return [
    `add table ip ${table}`,
    ...maps,
    ...Object.entries(chains).flatMap(([name, hook]) => [
      `add chain ip ${table} ${name} ${hook}`,
      `flush chain ip ${table} ${name}`,
    ]),
    ...rules.map((rule) => `add rule ip ${table} ${rule}`),
    '',
  ].join('\n')
}

/** Another bridge's members come in by published ports only. */
function apart(bridge: string): readonly string[] {
  return [
    `forward oifname "${bridge}" ct state established,related accept`,
    `forward oifname "${bridge}" ct status dnat accept`,
    `forward iifname "mille*" iifname != "${bridge}" oifname "${bridge}" drop`,
  ]
}

function closed(bridge: string): readonly string[] {
  return [
    `forward iifname "${bridge}" oifname != "${bridge}" drop`,
    `forward iifname != "${bridge}" oifname "${bridge}" drop`,
  ]
}

export function tableName(bridge: string): string {
  return bridge.startsWith('mille') ? bridge.replace(/^mille0$/, 'mille') : `mille-${bridge}`
}

function portElement(binding: PortBinding, ip: string): { map: string; key: string; value: string } {
  const any = binding.hostIp === '0.0.0.0'
  return {
    map: `${binding.protocol}_${any ? 'any' : 'one'}`,
    key: any ? String(binding.hostPort) : `${binding.hostIp} . ${binding.hostPort}`,
    value: `${ip} . ${binding.containerPort}`,
  }
}

/** Publishes all ports or none; `create` fails where another one has the key. */
export function publishRules(bridge: string, ip: string, ports: readonly PortBinding[]): string {
  return ports
    .map((binding) => portElement(binding, ip))
    .map(({ map, key, value }) => `create element ip ${tableName(bridge)} ${map} { ${key} : ${value} }\n`)
    .join('')
}

export function withdrawRules(bridge: string, ports: readonly PortBinding[]): string {
  return ports
    .map((binding) => portElement(binding, ''))
    .map(({ map, key }) => `delete element ip ${tableName(bridge)} ${map} { ${key} }\n`)
    .join('')
}

/** One transaction of nft. Errors: PROGRAM_FAILED with nft's words. */
export async function applyRules(nft: string, rules: string): Promise<void> {
  if (rules !== '') await runProgram(nft, ['-f', '-'], { input: rules })
}
