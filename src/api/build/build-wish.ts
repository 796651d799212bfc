import type { CacheImport } from '../../builder/cache/remote/cache-place.ts'
import type { BuildContext, BuildWish, RunOptions } from '../../builder/build.ts'
import { imageOutput } from '../../builder/export/output.ts'
import { parseGitReference } from '../../dockerfile/git-reference.ts'
import { parseReference } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { given } from '../convert/given.ts'
import { refuseGiven } from '../convert/unsupported-fields.ts'
import { platformWish } from '../http/platform.ts'
import type { Query } from '../http/query.ts'
import { readFields, type WireFields } from '../http/wire-fields.ts'
import type { ApiRequest } from '../route.ts'
import { buildSecrets } from './build-secrets.ts'

/** What `POST /build` asks for (E04), from its address, its headers and the tar that it brings. INVALID_ARGUMENT, JSON_INVALID, NOT_IMPLEMENTED. */
export function toBuildWish({
  query,
  headers,
  body,
}: Pick<ApiRequest, 'query' | 'headers' | 'body'>): BuildWish {
  if (query.text('version') === '2') {
    throw failure('NOT_IMPLEMENTED', { feature: "BuildKit's protocol: set DOCKER_BUILDKIT=0, it" })
  }
  if (query.text('outputs') !== '') throw failure('NOT_IMPLEMENTED', { feature: 'build outputs' })
  const { securityopt } = jsonOption(query, 'securityopt', { securityopt: ['text'] } as const)
  refuseGiven({ securityopt }, ['securityopt'])
  const { cachefrom = [] } = jsonOption(query, 'cachefrom', { cachefrom: ['text'] } as const)
  const remote = query.text('remote')
  const dockerfile = query.text('dockerfile')
  const { platform } = platformWish(query.text('platform'))
  const { args = {} } = jsonOption(query, 'buildargs', { args: ['map', 'any'] } as const)
  const { labels } = jsonOption(query, 'labels', { labels: ['map', 'text'] } as const)
  return {
    context: remote === '' ? { kind: 'stream', stream: body } : remoteContext(remote),
    names: query.list('t').filter(Boolean),
    buildArgs: Object.fromEntries(Object.entries(args).map(([name, value]) => [name, argument(name, value)])),
    network: networkOf(query.text('networkmode')),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    forgetFailures: query.flag('forcerm'),
    run: runOptions(query),
    cacheFrom: cachefrom.filter(Boolean).map(cacheImage),
    secrets: buildSecrets(headers),
    ...(query.flag('squash') && { outputs: [{ ...imageOutput, squash: true }] }),
    ...(dockerfile !== '' && { dockerfile: { kind: 'path', path: dockerfile } }),
    ...(platform && { platforms: [platform] }),
    ...given({ labels, target: query.text('target') || undefined }),
  }
}

/** Git repositories, and over HTTP a Dockerfile or a tar: nothing of this machine (C-A6). */
function remoteContext(remote: string): BuildContext {
  const invalid = (reason: string): Error =>
    failure('INVALID_ARGUMENT', { reason: `invalid remote "${remote.slice(0, 300)}": ${reason}` })
  if (!/^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(remote)) {
    throw invalid('use a git repository or an address of http or https')
  }
  const git = parseGitReference(remote)
  if (git !== undefined && 'reason' in git) throw invalid(git.reason)
  return git === undefined ? { kind: 'http', url: remote } : { kind: 'git', reference: git }
}

/** An image that may bring a cache along; without its cache mounts, for which BuildKit has a way of its own. */
function cacheImage(ref: string): CacheImport {
  parseReference(ref)
  return { address: { type: 'registry', ref }, mountBytes: 0 }
}

/** Null is an argument whose value the client does not know: the Dockerfile's own counts. */
function argument(name: string, value: unknown): string | undefined {
  if (value === null || typeof value === 'object') return undefined
  if (typeof value === 'string') return value
  throw failure('JSON_INVALID', { reason: `buildargs: the value of ${name} is no text` })
}

function networkOf(mode: string): NonNullable<BuildWish['network']> {
  if (mode === '' || mode === 'default' || mode === 'bridge') return 'default'
  if (mode === 'none' || mode === 'host') return mode
  throw failure('NOT_IMPLEMENTED', { feature: `network mode ${mode} for builds` })
}

const ulimitFields = { ulimits: [{ Name: 'text', Soft: 'int', Hard: 'int' }] } as const

function runOptions(query: Query): RunOptions {
  const limits = given({
    memory: query.whole('memory') || undefined,
    memorySwap: query.whole('memswap') || undefined,
    cpuShares: query.whole('cpushares') || undefined,
    cpuPeriod: query.whole('cpuperiod') || undefined,
    cpuQuota: query.whole('cpuquota') || undefined,
    cpusetCpus: query.text('cpusetcpus') || undefined,
    cpusetMems: query.text('cpusetmems') || undefined,
  })
  const { ulimits = [] } = jsonOption(query, 'ulimits', ulimitFields)
  const limit = (value = 0): number => (value < 0 ? Infinity : value)
  return {
    hosts: query
      .list('extrahosts')
      .flatMap((hosts) => hosts.split(','))
      .filter(Boolean),
    ulimits: ulimits.map(({ Name = '', Soft, Hard }) => ({
      name: Name,
      soft: limit(Soft),
      hard: limit(Hard),
    })),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...given({
      shmSize: query.whole('shmsize') || undefined,
      cgroupParent: query.text('cgroupparent') || undefined,
    }),
  }
}

/** A value of the address that is JSON, as the one field of `fields`. */
function jsonOption<const Fields extends WireFields>(
  query: Query,
  name: string,
  fields: Fields,
): ReturnType<typeof readFields<Fields>> {
  const text = query.text(name)
  if (text === '') return readFields({}, fields)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw failure('JSON_INVALID', { reason: `${name} is no JSON` }, { cause })
  }
  return readFields(Object.fromEntries(Object.keys(fields).map((field) => [field, value])), fields)
}
