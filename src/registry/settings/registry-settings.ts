import type { RetentionRule } from '../server/gc/collection.ts'

/** What a configuration file can say; what is left out has the default that stands beside it. Times are in ms. */
export interface RegistrySettings {
  /** Default 127.0.0.1:5000. */
  readonly listen?: ListenAddress
  /** Folder of the registry; default `registry` in the store. */
  readonly storage?: string
  /** Instead of a folder: any number of registries share it. */
  readonly bucket?: BucketSettings
  /** Manifests, tags and blobs may be deleted; default true. */
  readonly delete?: boolean
  /** `https://registry.example.org`, where clients find the registry; default: as each of them calls it. */
  readonly publicUrl?: string
  /** Without it the registry speaks HTTP. */
  readonly tls?: TlsSettings
  /** Without it nobody can log in, nor needs to. */
  readonly auth?: AuthSettings
  /** Default: whoever has logged in may do everything; everybody, without users. */
  readonly access?: readonly AccessSettings[]
  readonly limits?: LimitSettings
  /** Registries whose images are fetched when asked for, and kept. */
  readonly upstreams?: readonly UpstreamSettings[]
  /** Where `/metrics`, `/livez` and `/readyz` answer, to anybody; default nowhere. */
  readonly operations?: ListenAddress
  /** Told of each manifest that is pushed, pulled or deleted, and of each blob that is mounted. */
  readonly webhooks?: readonly WebhookSettings[]
  readonly gc?: GcSettings
  /** The first rule that fits a repository counts; default none: nothing that is tagged or was goes. */
  readonly retention?: readonly RetentionRule[]
}

/** Of blobs that no manifest names. */
export interface GcSettings {
  /** Time between two collections, or `off`: only by `mille registry gc`; default 1 day. */
  readonly interval?: number | 'off'
  /** Blobs that were pushed, mounted or asked for within this time stay; default 1 hour. */
  readonly grace?: number
}

/** A bucket of S3. Credentials come from where AWS's own tools look: the environment, their files, the machine's role. */
export interface BucketSettings {
  readonly name: string
  readonly region: string
  /** `http://HOST:PORT` of a server that is not Amazon's. */
  readonly endpoint?: string
  /** The bucket is a part of the path, not of the host's name; default false. */
  readonly pathStyle?: boolean
  /** Put before every key, e.g. `registry/`; default none. */
  readonly prefix?: string
}

export interface UpstreamSettings {
  /** As in references: `docker.io`, `host:5000`. */
  readonly registry: string
  /** Repositories below `<prefix>/` are the registry's; default its name, a port's colon being a dash. */
  readonly prefix?: string
  /** A tag is asked for again when it was found so long ago; default 1 minute. */
  readonly fresh?: number
  /** Whoever may read here reads with this login; without one, what everybody may read there. */
  readonly username?: string
  /** File that holds the password, read when it is needed. */
  readonly passwordFile?: string
}

export interface WebhookSettings {
  /** Each event is posted there as JSON. */
  readonly url: string
  /** Sent along, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default all. */
  readonly actions?: readonly ('push' | 'pull' | 'delete' | 'mount')[]
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** PEM files, or a certificate that the registry makes itself. */
export type TlsSettings = { readonly certificate: string; readonly key: string } | 'self-signed'

export interface AuthSettings {
  /** File of users with bcrypt hashes. */
  readonly htpasswd: string
  /** Whoever has not logged in may read everything; default false. */
  readonly anonymousPull?: boolean
  /** Logins get tokens; default true. Without them every request carries the password. */
  readonly tokens?: boolean
  /** File of the key that tokens are signed with, made when it is not there; default `token.key` in the folder. */
  readonly signingKey?: string
  /** Of a token; default 5 minutes. */
  readonly tokenLifetime?: number
  /** Of what `docker login` keeps; default 90 days, and it ends with the password. */
  readonly refreshLifetime?: number
}

/** Gives rights; no rule takes any away. */
export interface AccessSettings {
  /** Patterns: `*` is any part of one path component, `**` any number of components. */
  readonly repositories: readonly string[]
  /** Names; `*` is whoever has logged in, `anonymous` is everybody. */
  readonly users: readonly string[]
  /** `create` without `update`: tags cannot be moved. */
  readonly allow: readonly ('read' | 'create' | 'update' | 'delete')[]
}

export interface LimitSettings {
  /** Uploads open at once; default 1,000. */
  readonly uploads?: number
  /** Uploads that nothing was added to for so long are removed; default 1 day. */
  readonly uploadLifetime?: number
  /** Connections of one client address; default 256. */
  readonly connectionsPerAddress?: number
  /** A connection on which nothing moves for so long is closed; default 2 minutes. */
  readonly idleTimeout?: number
  /** A request whose headers take longer is refused; default 10 s. */
  readonly headerTimeout?: number
}
