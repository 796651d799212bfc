import { lookup as dnsLookup } from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup as dnsLookupAsync } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isLinkLocal, isPrivate } from './link-local.ts'

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/**
 * Says which addresses a source may be fetched from (C-B6): never link-local ones, and once a request went to a public
 * one, no redirect may lead to a private one. `refuse` makes the error.
 */
export class AddressGuard {
  readonly #refuse: (reason: string) => Error
  #isRedirected = false
  #beganPublic = false

  constructor(refuse: (reason: string) => Error) {
    this.#refuse = refuse
  }

  /** Looks at the very address that is connected to, so that a name cannot change its answer after the check. */
  readonly lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      try {
        for (const { address } of addresses) this.#judge(address)
      } catch (refused) {
        return callback(refused as NodeJS.ErrnoException, [])
      }
      const [first] = addresses
      if (options.all === true) callback(null, addresses)
      else callback(null, first?.address ?? '', first?.family)
    })
  }

  /** Before each request: an address written as numbers is never looked up. */
  check(hostname: string, isRedirected: boolean): void {
    this.#isRedirected = isRedirected
    const literal = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0) this.#judge(literal)
  }

  /** For a program that connects by itself: the addresses of `hostname`, which it is to be bound to. */
  async resolve(hostname: string, isRedirected: boolean = false): Promise<string[]> {
    this.check(hostname, isRedirected)
    const found = await dnsLookupAsync(hostname, { all: true })
    for (const { address } of found) this.#judge(address)
    return found.map(({ address }) => address)
  }

  #judge(address: string): void {
    if (isLinkLocal(address)) throw this.#refuse(`link-local address ${address} is refused`)
    if (!this.#isRedirected) this.#beganPublic ||= !isPrivate(address)
    else if (this.#beganPublic && isPrivate(address)) {
      throw this.#refuse(`redirect to the private address ${address} is refused`)
    }
  }
}
