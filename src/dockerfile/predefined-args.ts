/** Build arguments that exist without an ARG instruction. */

const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/**
 * Proxy settings (B22): RUN steps see them undeclared, and then neither history nor cache key holds them; a name
 * that a stage declares with ARG is an ordinary argument.
 */
export const proxyArgs: ReadonlySet<string> = new Set(
  proxyNames.flatMap((name) => [name, name.toLowerCase()]),
)

/** Set by the builder in the global scope (B23); a stage sees one only after `ARG NAME`. */
export const platformArgs: ReadonlySet<string> = new Set([
  ...['TARGET', 'BUILD'].flatMap((side) => ['PLATFORM', 'OS', 'ARCH', 'VARIANT'].map((part) => side + part)),
  'TARGETSTAGE',
])

/** Arguments that steer the build itself (B24). */
export const controlArgs: ReadonlySet<string> = new Set([
  'BUILDKIT_BUILD_NAME',
  'BUILDKIT_CACHE_MOUNT_NS',
  'BUILDKIT_CONTEXT_KEEP_GIT_DIR',
  'BUILDKIT_DOCKERFILE_CHECK',
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_SANDBOX_HOSTNAME',
  'BUILDKIT_SYNTAX',
  'SOURCE_DATE_EPOCH',
])

export interface PlatformParts {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** Values of `platformArgs` for one build; a platform without variant has an empty one. */
export function platformArgValues(
  target: PlatformParts,
  build: PlatformParts,
  stage: string,
): ReadonlyMap<string, string> {
  const side = (prefix: string, { os, architecture, variant }: PlatformParts): [string, string][] => [
    [`${prefix}PLATFORM`, [os, architecture, ...(variant ? [variant] : [])].join('/')],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant ?? ''],
  ]
  return new Map([...side('TARGET', target), ...side('BUILD', build), ['TARGETSTAGE', stage]])
}
