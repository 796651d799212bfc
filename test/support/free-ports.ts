import { createServer } from 'node:net'
import { randomBetween } from '../../src/util/random.ts'

/** The first of `count` neighbouring ports that nobody has, below those that the kernel hands out. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomBetween(10_000, 32_000)
    const numbers = Array.from({ length: count }, (_, index) => first + index)
    if ((await Promise.all(numbers.map(isFree))).every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
