/** What a configuration file can say; what is left out has the default that stands beside it. Times are in ms. */
export interface RegistrySettings {
  /** Default 127.0.0.1:5000. */
  readonly listen?: ListenAddress
  /** Folder of the registry; default `registry` in the store. */
  readonly storage?: string
  /** Manifests, tags and blobs may be deleted; default true. */
  readonly delete?: boolean
  /** Without it nobody needs to log in. */
  readonly auth?: AuthSettings
  readonly limits?: LimitSettings
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface AuthSettings {
  /** File of users with bcrypt hashes. */
  readonly htpasswd: string
  /** Whoever has not logged in may read everything; default false. */
  readonly anonymousPull?: boolean
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
