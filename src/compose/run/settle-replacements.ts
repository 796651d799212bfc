import { aliasesOf } from './aliases-of.ts'
import { listContainers, type Observed } from './observed.ts'
import type { ComposeParts } from './parts.ts'

/**
 * What an `up` that was killed left: the successor of a container beside the one that it was to replace goes away, unless it
 * has the ports and names already: then the old one goes. Alone it takes the name.
 */
export async function settleReplacements(parts: ComposeParts, project: string): Promise<void> {
  const { containers, networks } = parts.engine
  const all = await listContainers(parts, project)
  for (const successor of all) {
    const { id, name, replaces } = successor
    if (replaces === undefined) continue
    const old = all.find((other) => other.id === replaces)
    if (old === undefined) {
      const wanted = wantedName(name)
      if (wanted !== undefined) await containers.rename(id, wanted)
    } else if (isRunning(successor) && hasAliases(successor)) {
      await containers.remove(old.id, { force: true })
    } else {
      // the handing over may have been cut in two: all of it is the old one's again
      if (isRunning(successor) && isRunning(old)) {
        const { ports } = old.details.request
        await networks.takeOver(old.id, id, { ports, aliases: aliasesOf(old.details.networks) })
      }
      await containers.remove(id, { force: true, volumes: true })
    }
  }
}

function isRunning({ details }: Observed): boolean {
  return details.state.status === 'running'
}

/** One that runs beside another has none before it takes over. */
function hasAliases({ details }: Observed): boolean {
  return Object.values(details.networks).some(({ aliases = [] }) => aliases.length > 0)
}

/** The first name of a successor is the old one's ID and the name: `4b0c1e412eb7_shop-web-1`. */
function wantedName(name: string): string | undefined {
  return /^[0-9a-f]{12}_(.+)$/.exec(name)?.[1]
}
