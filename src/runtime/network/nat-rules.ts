import { runProgram } from '../../util/run-program.ts'
import { formatSubnet } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'
import { formatSubnet6 } from './ip6-address.ts'
import type { Subnet6 } from './ip6-address.ts'
import type { Endpoint, PortBinding } from '../runtime.ts'

export interface RuledBridge {
  readonly name: string
  readonly subnet: Subnet
  readonly ipv6: { readonly subnet: Subnet6 } | undefined
  /** Nothing goes in or out but between its members. */
  readonly internal: boolean
  /** What goes out keeps the member's own address. */
  readonly unmasked: boolean
}

/** What differs between the two kinds of addresses. */
interface Family {
  /** In nft's words: of tables and matches, of an address, of the loopback's addresses, of every address. */
  readonly name: 'ip' | 'ip6'
  readonly address: 'ipv4_addr' | 'ipv6_addr'
  readonly loopback: string
  readonly any: string
}
const ip4: Family = { name: 'ip', address: 'ipv4_addr', loopback: '127.0.0.0/8', any: '0.0.0.0' }
const ip6: Family = { name: 'ip6', address: 'ipv6_addr', loopback: '::1', any: '::' }

/** All of a bridge's rules, in a table of its own for each kind of addresses. Every line can be said again; nft takes the whole text or nothing. */
export function baseRules(bridge: RuledBridge): string {
  const rules = familyRules(bridge, ip4, formatSubnet(bridge.subnet))
  return bridge.ipv6 === undefined
    ? rules
    : rules + familyRules(bridge, ip6, formatSubnet6(bridge.ipv6.subnet))
}

/** Published ports are elements of maps: one look-up for a packet, however many there are. */
function familyRules(
  { name: bridge, internal, unmasked }: RuledBridge,
  family: Family,
  network: string,
): string {
  const { name: ip, address, loopback } = family
  const table = `${ip} ${tableName(bridge)}`
  const maps = (['tcp', 'udp'] as const).flatMap((protocol) => [
    `add map ${table} ${protocol}_any { type inet_service : ${address} . inet_service ; }`,
    `add map ${table} ${protocol}_one { type ${address} . inet_service : ${address} . inet_service ; }`,
  ])
  const chains = {
    guard: '{ type filter hook prerouting priority -300 ; policy accept ; }',
    ports: '',
    prerouting: '{ type nat hook prerouting priority -100 ; policy accept ; }',
    output: '{ type nat hook output priority -100 ; policy accept ; }',
    postrouting: '{ type nat hook postrouting priority 100 ; policy accept ; }',
    forward: '{ type filter hook forward priority 0 ; policy accept ; }',
  }
  // the kernel lets nothing from ::1 out: a local client must hear at once that nobody is there, and take another address
  const local = family === ip6 ? `ip6 daddr != ${loopback} ` : ''
  const rules = [
    // route_localnet opens the host's loopback to the bridge; nothing from a container may use that
    `guard iifname "${bridge}" ${ip} daddr ${loopback} drop`,
    ...(['tcp', 'udp'] as const).flatMap((protocol) => [
      `ports dnat ${ip} to ${ip} daddr . ${protocol} dport map @${protocol}_one`,
      `ports dnat ${ip} to ${protocol} dport map @${protocol}_any`,
    ]),
    'prerouting fib daddr type local jump ports',
    `output ${local}fib daddr type local jump ports`,
    ...(internal ? closed(bridge) : apart(bridge)),
    ...(internal || unmasked ? [] : [`postrouting ${ip} saddr ${network} oifname != "${bridge}" masquerade`]),
    // answers to a local client, and to a container that calls itself by a published port, must come back this way
    `postrouting ${ip} saddr ${loopback} oifname "${bridge}" masquerade`,
    `postrouting ${ip} saddr ${network} oifname "${bridge}" ct status dnat masquerade`,
  ]
  return [
    `add table ${table}`,
    ...maps,
    ...Object.entries(chains).flatMap(([name, hook]) => [
      `add chain ${table} ${name} ${hook}`,
      `flush chain ${table} ${name}`,
    ]),
    ...rules.map((rule) => `add rule ${table} ${rule}`),
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

function portElement(
  bridge: string,
  binding: PortBinding,
  target: Target,
): { readonly map: string; readonly key: string; readonly value: string } {
  const family = binding.hostIp.includes(':') ? ip6 : ip4
  const any = binding.hostIp === family.any
  const address = family === ip6 ? (target.ipv6?.ip ?? '') : target.ip
  return {
    map: `${family.name} ${tableName(bridge)} ${binding.protocol}_${any ? 'any' : 'one'}`,
    key: any ? String(binding.hostPort) : `${binding.hostIp} . ${binding.hostPort}`,
    value: `${address} . ${binding.containerPort}`,
  }
}

/** A member's addresses. */
type Target = Pick<Endpoint, 'ip' | 'ipv6'>

/** Publishes all ports or none; `create` fails where another one has the key. */
export function publishRules(bridge: string, target: Target, ports: readonly PortBinding[]): string {
  return ports
    .map((binding) => portElement(bridge, binding, target))
    .map(({ map, key, value }) => `create element ${map} { ${key} : ${value} }\n`)
    .join('')
}

export function withdrawRules(bridge: string, ports: readonly PortBinding[]): string {
  return ports
    .map((binding) => portElement(bridge, binding, { ip: '' }))
    .map(({ map, key }) => `delete element ${map} { ${key} }\n`)
    .join('')
}

/** One transaction of nft. Errors: PROGRAM_FAILED with nft's words. */
export async function applyRules(nft: string, rules: string): Promise<void> {
  if (rules !== '') await runProgram(nft, ['-f', '-'], { input: rules })
}
