import { createHash } from 'node:crypto'
import { sortedJson } from './sorted-json.ts'
import type { Service } from './model/service.ts'

/**
 * What a container of the service was made of: another one means that it has to be made anew. What says how many there are,
 * how the image is made or had and what has to run first is no part of it. A digest of sorted JSON: stable, and never
 * equal to one of Docker's, whose values come of the order of Go's structures.
 */
export function configHash(service: Service): string {
  const {
    build: _build,
    pull_policy: _policy,
    scale: _scale,
    depends_on: _needs,
    profiles: _profiles,
    ...rest
  } = service
  const { replicas: _replicas, ...deploy } = rest.deploy ?? {}
  const counted = { ...rest, ...(Object.keys(deploy).length > 0 ? { deploy } : { deploy: undefined }) }
  return createHash('sha256').update(sortedJson(counted)).digest('hex')
}
