import { failure } from '../util/errors.ts'

export interface Subnet {
  readonly gateway: string
  readonly prefix: string
  readonly prefixLength: number
}

/** The lowest address of an IPv4 subnet that is neither network, gateway, broadcast nor taken; ADDRESS_POOL_EXHAUSTED. */
export function freeAddress(subnet: Subnet, taken: ReadonlySet<string>): string {
  const first = addressToNumber(subnet.prefix) + 1
  const last = addressToNumber(subnet.prefix) + 2 ** (32 - subnet.prefixLength) - 2
  for (let address = first; address <= last; address++) {
    const text = numberToAddress(address)
    if (text !== subnet.gateway && !taken.has(text)) return text
  }
  throw failure('ADDRESS_POOL_EXHAUSTED', { subnet: `${subnet.prefix}/${subnet.prefixLength}` })
}

function addressToNumber(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

function numberToAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
