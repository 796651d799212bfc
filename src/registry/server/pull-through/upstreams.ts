import { readFile } from 'node:fs/promises'
import { fromNodeError } from '../../../linux/system-failure.ts'
import type { Namespaces } from '../namespace-path.ts'
import type { LoginSource, RegistryClient, Repository } from '../../repository.ts'
import type { UpstreamSettings } from '../../settings/registry-settings.ts'

/** What a repository of this registry is a cache of. */
export interface Upstream {
  readonly repository: Pick<Repository, 'resolve' | 'fetch' | 'blobSize'>
  /** A tag is asked for again when it was found so long ago, ms. */
  readonly fresh: number
}

export interface Upstreams {
  /** Undefined for a repository that is nobody's copy. */
  of(repository: string): Upstream | undefined
}

const usualFresh = 60_000

/** `docker.io/library/busybox` is `library/busybox` of the upstream with the prefix `docker.io`; the longest prefix counts. */
export function openUpstreams(settings: readonly UpstreamSettings[], client: RegistryClient): Upstreams {
  const known = settings
    .map((upstream) => ({ ...upstream, start: `${prefixOf(upstream)}/` }))
    .toSorted((a, b) => b.start.length - a.start.length)
  return {
    of(repository) {
      const found = known.find(({ start }) => repository.startsWith(start))
      if (found === undefined) return undefined
      const name = repository.slice(found.start.length)
      // as everybody writes it: Docker's own images have a folder there
      const full = found.registry === 'docker.io' && !name.includes('/') ? `library/${name}` : name
      const remote = client.openRepository({ registry: found.registry, repository: full })
      return { repository: remote, fresh: found.fresh ?? usualFresh }
    },
  }
}

export function upstreamNamespaces(settings: readonly UpstreamSettings[]): Namespaces {
  return new Map(settings.map((upstream) => [upstream.registry, prefixOf(upstream)]))
}

function prefixOf({ registry, prefix }: UpstreamSettings): string {
  // a port's colon is no part of a repository's name
  return prefix ?? registry.replace(':', '-')
}

/** The logins that the settings name, and no others: whoever may read here reads with them. Throws what reading the file throws. */
export function upstreamLogins(settings: readonly UpstreamSettings[]): LoginSource {
  return {
    async find(registry) {
      const { username, passwordFile } = settings.find((one) => one.registry === registry) ?? {}
      if (username === undefined || passwordFile === undefined) return undefined
      const text = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
        throw fromNodeError(error, passwordFile)
      })
      return { username, password: text.replace(/\r?\n$/, '') }
    },
  }
}
