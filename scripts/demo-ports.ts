import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bridgeStateFolder } from '../src/engine/state-folder.ts'
import { isNetworkNamespace } from '../src/linux/network-namespace.ts'
import { findPortOwner } from '../src/runtime/network/port-owner.ts'
import { readText } from '../src/util/read-text.ts'

// Prints the first of the four ports that the demo uses. With MILLE_DEMO_PORT that one, or an error that names who has one
// of the four; else the first four that are free.

const count = 4
const usual = 8081
const last = 65_535

/** Who has which port: containers of all stores, whose ports no socket of the host listens on. */
function containerPorts(): ReadonlyMap<number, string> {
  const folder = join(bridgeStateFolder(), 'endpoints')
  const owners = new Map<number, string>()
  let names: string[] = []
  try {
    names = readdirSync(folder)
  } catch {
    // no container was ever on the bridge
  }
  for (const name of names) {
    try {
      const { namespace, ports } = JSON.parse(readText(join(folder, name))) as {
        readonly namespace: string
        readonly ports: readonly { readonly hostPort: number }[]
      }
      if (!isNetworkNamespace(namespace)) continue
      for (const { hostPort } of ports) owners.set(hostPort, `container ${name.slice(0, 12)}`)
    } catch {
      // it ended while it was looked at
    }
  }
  return owners
}

const ofContainers = containerPorts()

/** `port 8081 is taken by …` for the first of the four that is. */
function obstacle(first: number): string | undefined {
  for (let port = first; port < first + count; port++) {
    const owner = ofContainers.get(port) ?? findPortOwner('tcp', '0.0.0.0', port)
    if (owner !== undefined) return `port ${port} is taken by ${owner}`
  }
  return undefined
}

function fail(reason: string): never {
  process.stderr.write(`demo: ${reason}\n`)
  process.exit(1)
}

function chosenPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port + count - 1 > last)
    fail(`MILLE_DEMO_PORT=${text}: give the first of ${count} free ports, from 1 to ${last - count + 1}`)
  const taken = obstacle(port)
  if (taken !== undefined)
    fail(
      `${taken}, and the demo needs ${port} to ${port + count - 1}: stop that, or give MILLE_DEMO_PORT another number`,
    )
  return port
}

function freePort(): number {
  const taken = obstacle(usual)
  if (taken === undefined) return usual
  let first = usual + count
  while (first + count <= last && obstacle(first) !== undefined) first += count
  process.stderr.write(
    `demo: ${taken}, so ports ${first} to ${first + count - 1} are used (MILLE_DEMO_PORT chooses others)\n`,
  )
  return first
}

const wanted = process.env['MILLE_DEMO_PORT']
const port = wanted === undefined || wanted === '' ? freePort() : chosenPort(wanted)
process.stdout.write(`${port}\n`)
