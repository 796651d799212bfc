import type { Checkout } from '../context/checkout.ts'

/** What a build must not depend on, as it is on another machine. */
export interface OtherMachine {
  /** Of RUN steps, unless the build names one. */
  readonly hostname: string
  /** TZ of RUN steps, unless the Dockerfile sets it. */
  readonly timeZone: string
  /** How its copy of the context folders looks. */
  readonly checkout: Checkout
  /** Steps side by side. */
  readonly parallelism: number
}

const day = 86_400n * 1_000_000_000n

/** Nothing here is what a machine usually has. The zone needs no database: a name would mean UTC in small images. */
export const otherMachine: OtherMachine = {
  hostname: 'another-machine',
  timeZone: '<+1345>-13:45',
  checkout: { age: -(123n * day + 45_678_912_345_678n), uid: 54_321, gid: 54_322, umask: 0o077 },
  parallelism: 1,
}
