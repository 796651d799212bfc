import type { Pins } from '../lock/pins.ts'
import type { BuildRequest, SecretSource, SshSource } from '../build.ts'

/** What a build was given to get at remote sources with (B46, B47). */
export interface Credentials {
  /** What was fetched before is taken as it is, and nothing else. */
  readonly offline: boolean
  /** Where references lead, when the build is locked. */
  readonly pins?: Pick<Pins, 'commit' | 'checksum'>
  readonly secrets: ReadonlyMap<string, SecretSource>
  readonly ssh: ReadonlyMap<string, SshSource>
}

export function credentialsOf({
  secrets,
  ssh,
  offline = false,
}: Pick<BuildRequest, 'secrets' | 'ssh' | 'offline'>): Credentials {
  return {
    offline,
    secrets: new Map(secrets?.map((source) => [source.id, source])),
    ssh: new Map(ssh?.map((source) => [source.id, source])),
  }
}

/**
 * The Authorization header for a URL: of secret `HTTP_AUTH_HEADER_<host>` as it is, of `HTTP_AUTH_TOKEN_<host>` as a
 * bearer token. Source: BuildKit's Dockerfile reference.
 */
export async function httpAuthorization(
  url: string,
  { secrets }: Pick<Credentials, 'secrets'>,
): Promise<string | undefined> {
  const host = new URL(url).hostname
  const token = await read(secrets, `HTTP_AUTH_TOKEN_${host}`)
  return token === undefined ? await read(secrets, `HTTP_AUTH_HEADER_${host}`) : `Bearer ${token}`
}

/**
 * The Authorization header for a git server: of secrets `GIT_AUTH_HEADER.<host>` and `GIT_AUTH_TOKEN.<host>`, for the
 * repository asked for also of those without a host: its submodules elsewhere must not see them.
 */
export async function gitAuthorization(
  { host, isMain }: { readonly host: string; readonly isMain: boolean },
  { secrets }: Pick<Credentials, 'secrets'>,
): Promise<string | undefined> {
  for (const suffix of [`.${host}`, ...(isMain ? [''] : [])]) {
    const header = await read(secrets, `GIT_AUTH_HEADER${suffix}`)
    if (header !== undefined) return header
    const token = await read(secrets, `GIT_AUTH_TOKEN${suffix}`)
    if (token !== undefined) return `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`
  }
  return undefined
}

/** Without the newline that files end with. A header has one line: what is behind it could be another header. */
async function read(secrets: ReadonlyMap<string, SecretSource>, id: string): Promise<string | undefined> {
  const source = secrets.get(id)
  if (source === undefined) return undefined
  return (
    Buffer.from(await source.read())
      .toString()
      .split(/[\r\n]/, 1)[0] ?? ''
  ).trim()
}
