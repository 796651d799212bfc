import { listContainers, type Observed, ofService } from '../../compose/run/observed.ts'
import type { ComposeParts } from '../../compose/run/parts.ts'
import { failure } from '../../util/errors.ts'

/** A container of the service that runs: the first, or the one of the number. COMPOSE_FAILED. */
export async function pickContainer(
  parts: Pick<ComposeParts, 'engine'>,
  project: string,
  service: string,
  { index, all = false }: { readonly index?: number | undefined; readonly all?: boolean } = {},
): Promise<Observed> {
  const containers = ofService(await listContainers(parts, project, { all }), service)
  const found = containers.find(({ number }) => index === undefined || number === index)
  if (found !== undefined) return found
  const reason =
    index === undefined
      ? `service "${service}" is not running`
      : `service "${service}" is not running container #${index}`
  throw failure('COMPOSE_FAILED', { reason })
}
