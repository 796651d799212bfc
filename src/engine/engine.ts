import type { Builder } from '../builder/build.ts'
import type { Containers } from '../containers/containers.ts'
import type { Volumes } from '../containers/volume/volume-details.ts'
import type { Networks } from '../containers/network/networks.ts'
import type { Artifacts } from '../images/artifacts/artifacts.ts'
import type { Images } from '../images/images.ts'
import type { CollectReport, ScrubReport } from '../registry/server/gc/collection.ts'
import type { CollectRequest } from '../registry/server/gc/control.ts'
import type { RegistrySettings } from '../registry/settings/registry-settings.ts'
import type { SearchOptions } from './search-registries.ts'
import type { FoundRepository, LoginSource } from '../registry/repository.ts'
import type { EngineEvent, EventSpan } from '../store/event-log.ts'
import type { Manifests } from '../images/manifests/manifests.ts'

/** Which store, and how it works; everything has a default that fits this machine. */
export interface EngineOptions {
  /** Store root; default `$MILLE_ROOT`, else `/var/lib/mille` for root, `$XDG_DATA_HOME/mille` otherwise. */
  readonly root?: string
  /** Registries that may be reached without TLS, `host[:port]`; loopback always may. */
  readonly insecureRegistries?: readonly string[]
  /** Docker's `registry-mirrors`: URLs that are asked for docker.io first. */
  readonly registryMirrors?: readonly string[]
  /**
   * How RUN steps are run: `auto`, `oci` (a runtime with namespaces) or `chroot`, for containers without privileges; default
   * `$MILLE_ISOLATION`, else `auto`: by trying.
   */
  readonly isolation?: string | undefined
  /** The process ends as soon as the engine is disposed: what the kernel closes anyway is left to it. */
  readonly processEnds?: boolean | undefined
  /**
   * The `mille` command, a file that Node runs: a container's monitor calls it when the container ends. Default: the one
   * of this package.
   */
  readonly program?: string | undefined
  /** One line for the user: something was left out, or is unwise. */
  readonly onWarning?: ((text: string) => void) | undefined
}

/** The store, what this machine offers and what of it is used: what `mille info` shows. */
export interface EngineInfo {
  readonly root: string
  readonly version: string
  readonly snapshotter: string
  /** Why this snapshotter and not a better one, when so. */
  readonly snapshotterReason?: string
  /** `oci` or `chroot`, and why not a better one, when so. */
  readonly isolation: string
  readonly isolationReason?: string
  readonly runtime: string
  readonly runtimeVersion: string
  readonly cgroups: string
  /** Limits of `ContainerRequest` that this machine cannot enforce: `memory`, `pids`, `cpuQuota`, … */
  readonly unsupportedLimits: readonly string[]
  readonly containers: { readonly running: number; readonly paused: number; readonly stopped: number }
  readonly images: number
  readonly kernel: string
  readonly operatingSystem: string
  readonly architecture: string
  readonly cpus: number
  readonly memory: number
  readonly hostname: string
  readonly warnings: readonly string[]
}

/** Which events, and of what time. */
export interface EventsOptions extends EventSpan {
  /** Docker's: container, event, image, label, network, scope, type, volume and those of what mille has not. */
  readonly filters?: Readonly<Record<string, readonly string[]>>
}

/** Everything mille does, in one object. Opening it opens the database of the store; builder and registry client are loaded at their first use. */
export interface Engine extends AsyncDisposable {
  readonly root: string
  readonly images: Images
  readonly builder: Builder
  readonly containers: Containers
  readonly volumes: Volumes
  readonly networks: Networks
  readonly registries: Registries
  readonly manifests: Manifests
  readonly artifacts: Artifacts
  /** The same store, but registries see these logins and no others; to be disposed. For who works on behalf of others. */
  withLogins(logins: LoginSource): Pick<Engine, 'images' | 'builder' | 'manifests'> & AsyncDisposable
  /** What happened in the store, by whatever process: replay from `since`, then as it happens, until `until` or the signal. INVALID_FILTER. */
  events(options?: EventsOptions): AsyncIterable<EngineEvent>
  info(): Promise<EngineInfo>
  /** Runs the collector; returns bytes freed. */
  collect(): Promise<number>
  /** What is damaged; `repair` puts damaged blobs aside, so that bringing their image again mends it. */
  check(options?: {
    readonly repair?: boolean
  }): Promise<readonly { readonly kind: string; readonly object: string; readonly reason: string }[]>
}

/** Logins and the embedded registry. */
export interface Registries {
  /** Verifies against the registry, then stores (config.json or credential helper). Returns the status text. */
  login(
    registry: string,
    credentials: { readonly username: string; readonly password: string },
  ): Promise<string>
  /** Verifies as `login` does, and stores nothing. */
  verify(
    registry: string,
    credentials: { readonly username: string; readonly password: string },
  ): Promise<void>
  logout(registry: string): Promise<boolean>
  /** `term` at docker.io, or `host[:port]/term`. INVALID_ARGUMENT, INVALID_FILTER. */
  search(text: string, options?: SearchOptions): Promise<readonly FoundRepository[]>
  /** Serves a registry until the signal fires; resolves with its address once it listens. */
  serve(options: ServeRegistryOptions): Promise<ServedRegistry>
  /** Removes what the retention rules give up, and blobs that no manifest names; also while the registry is served. */
  collect(options: RegistrySettings & CollectRequest): Promise<CollectReport>
  /** Reads all that a registry stores; damaged blobs are put aside. */
  scrub(settings: RegistrySettings): Promise<ScrubReport>
}

/** What is not set has the default of RegistrySettings. */
export interface ServeRegistryOptions extends RegistrySettings {
  readonly signal: AbortSignal
  /** One JSON object a line. */
  readonly onLog?: (line: string) => void
}

/** A registry that this engine serves until its signal fires. */
export interface ServedRegistry {
  readonly url: string
  /** Resolves when the signal has fired and nothing is under way any more. */
  readonly closed: Promise<void>
}
