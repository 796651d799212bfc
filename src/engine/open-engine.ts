import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Builder, BuildResult } from '../builder/build.ts'
import { createContainers } from '../containers/create/create-containers.ts'
import { createArtifacts } from '../images/artifacts/create-artifacts.ts'
import { createImages } from '../images/create-images.ts'
import { tellBuilt } from '../images/image-events.ts'
import { createManifests } from '../images/manifests/create-manifests.ts'
import type { CheckSignature } from '../images/signatures/check-signature.ts'
import type { Images } from '../images/images.ts'
import type { OpenRepository } from '../images/repositories.ts'
import type { ContainerConfig } from '../oci/config.ts'
import type { LoginSource, RegistryClient } from '../registry/repository.ts'
import { readContainerLog } from '../runtime/log/container-log.ts'
import { isolationChoice } from './isolation-choice.ts'
import { openRuntime } from '../runtime/open-runtime.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { openStore } from '../store/open-store.ts'
import type { Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { selectEvents } from './select-events.ts'
import { engineInfo } from './info.ts'
import { createRegistries } from './registries.ts'
import { rootFolder } from './root-folder.ts'
import { openSharedBridge, openUserBridge } from './bridges.ts'
import { filterFolder, prepareRunFolder, storeStateFolder } from './state-folder.ts'
import { createStepNetworks } from './step-networks.ts'

/**
 * Builds the floors below and hands each what it needs from the others. Cheap: the registry client, the runtime and the
 * bridge are loaded and probed at their first use. Errors: those of opening the store.
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = rootFolder(options.root)
  const isolation = isolationChoice(options.isolation)
  const store = await openStore(root, {
    warn: options.onWarning,
    processEnds: options.processEnds,
    // steps without mounts need files without mounts
    ...(isolation === 'chroot' && { snapshotter: 'copy' }),
  })
  await prepareRunFolder()
  const stateFolder = storeStateFolder(root)
  const runtime = openRuntime({ stateFolder, filterFolder: filterFolder(), isolation })
  // what cannot be ended now is no reason to refuse other work
  await runtime.endLeftovers().catch(() => {})
  const bridge = once(openSharedBridge)
  const client = once(() => openClient(root, options))
  const containing = createContainers({
    store,
    stateFolder,
    runtime,
    bridge,
    userBridge: openUserBridge,
    warn: options.onWarning,
    readLog: readContainerLog,
    command: (words) => ownCommand(options.program ?? ownProgram(), root, words),
    applyChanges,
  })
  const { containers, volumes, networks, usersOf } = containing
  const stepNetworks = createStepNetworks(bridge, runtime)
  /** What works with registries, by one client's logins. */
  const overClient = (client: Once<RegistryClient>) => {
    const openRepository: OpenRepository = async (reference) => (await client()).openRepository(reference)
    const images = createImages({
      store,
      users: { usersOf },
      openRepository,
      checkSignature: checkByPolicy,
      applyChanges,
    })
    const builder = once(() =>
      openBuilder({ store, images, openRepository, runner: runtime, networks: stepNetworks }),
    )
    return {
      images,
      builder: lazyBuilder(builder, (result) => tellBuilt(store, result)),
      manifests: createManifests(store, openRepository, applyChanges),
      artifacts: createArtifacts(openRepository),
      async [Symbol.asyncDispose]() {
        if (client.started()) await (await client())[Symbol.asyncDispose]()
      },
    }
  }
  const own = overClient(client)
  return {
    root,
    images: own.images,
    builder: own.builder,
    containers,
    volumes,
    networks,
    manifests: own.manifests,
    artifacts: own.artifacts,
    withLogins: (logins) => overClient(once(() => openClient(root, options, logins))),
    registries: createRegistries({ storeRoot: root, client }),
    events: (options = {}) => selectEvents(store.events, options),
    info: () => engineInfo({ store, runtime, containers }),
    collect: async () => (await store.collect()).bytes,
    check: (options) => store.check(options),
    async [Symbol.asyncDispose]() {
      containing[Symbol.dispose]()
      await stepNetworks[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

interface BuilderParts {
  readonly store: Store
  readonly images: Images
  readonly openRepository: OpenRepository
  readonly runner: Runtime
  readonly networks: ReturnType<typeof createStepNetworks>
}

async function openBuilder({
  store,
  images,
  openRepository,
  runner,
  networks,
}: BuilderParts): Promise<Builder> {
  const [{ createBuilder }, { createBaseImages }, { createImageWriter }, { createCachePlaces }] =
    await Promise.all([
      import('../builder/create-builder.ts'),
      import('./base-images.ts'),
      import('./image-writer.ts'),
      import('./cache-places.ts'),
    ])
  const baseImages = createBaseImages(store, images)
  const imageWriter = createImageWriter(store, openRepository)
  const openCache = createCachePlaces(openRepository)
  const parts = { store, baseImages, imageWriter, openCache, runner, networks }
  return createBuilder({
    ...parts,
    openElsewhere: async (folder) => (await import('./elsewhere.ts')).openElsewhere(parts, folder),
  })
}

/** Most commands build nothing: the language and the builder, a third of all code, come with the first that does. */
function lazyBuilder(builder: () => Promise<Builder>, tell: (result: BuildResult) => void): Builder {
  return {
    async build(request, options) {
      const result = await (await builder()).build(request, options)
      // a build whose output is no image leaves none in the store
      if (result.manifest !== undefined) tell(result)
      return result
    },
    check: async (request, options) => (await builder()).check(request, options),
    outline: async (request, options) => (await builder()).outline(request, options),
    targets: async (request, options) => (await builder()).targets(request, options),
    debug: async (id, wish, options) => (await builder()).debug(id, wish, options),
    lock: async (request, options) => (await builder()).lock(request, options),
    repro: async (request, options) => (await builder()).repro(request, options),
    report: async (image) => (await builder()).report(image),
    cacheUsage: async () => (await builder()).cacheUsage(),
    prune: async (options) => (await builder()).prune(options),
  }
}

async function applyChanges(config: ContainerConfig, changes: readonly string[]): Promise<ContainerConfig> {
  if (changes.length === 0) return config
  return (await import('../builder/apply-changes.ts')).applyChanges(config, changes)
}

interface Once<Value> {
  (): Promise<Value>
  started(): boolean
}

/** The first call does the work, later ones share it; a failure is not kept. */
function once<Value>(work: () => Promise<Value>): Once<Value> {
  let running: Promise<Value> | undefined
  const get = (): Promise<Value> => {
    running ??= work().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
  return Object.assign(get, { started: () => running !== undefined })
}

/** Read anew for each pull: a server runs for weeks, and its policy changes. */
const checkByPolicy: CheckSignature = async (...asked) => {
  const { configFolders } = await import('./registry-settings.ts')
  const { readSignaturePolicy } = await import('../images/signatures/policy.ts')
  const policy = await readSignaturePolicy(configFolders().map((folder) => join(folder, 'signatures.json')))
  if (policy === undefined) return
  await (await import('../images/signatures/check-signature.ts')).checkSignature(policy, ...asked)
}

/** The HTTP client is the heaviest part of all: only what talks to a registry pays for it. `logins`: in place of Docker's own file. */
async function openClient(
  root: string,
  options: EngineOptions,
  logins?: LoginSource,
): Promise<RegistryClient> {
  const [{ createRegistryClient }, { openCredentialStore }, { registrySettings }, { handOverOnStore }] =
    await Promise.all([
      import('../registry/client/registry-client.ts'),
      import('../registry/credentials/credential-store.ts'),
      import('./registry-settings.ts'),
      import('./hand-over.ts'),
    ])
  return createRegistryClient({
    handOver: handOverOnStore(root),
    ...(await registrySettings(options)),
    logins: logins ?? openCredentialStore({ ...(options.onWarning && { onWarning: options.onWarning }) }),
    ...(options.onWarning && { onWarning: options.onWarning }),
  })
}

/** The bundled command of the package that this file is of, whether it runs from sources or from the library. */
function ownProgram(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const program = join(folder, 'dist/mille.cjs')
    if (existsSync(program)) return program
    if (folder === dirname(folder)) throw failure('INTERNAL', { reason: 'the package lacks dist/mille.cjs' })
  }
}

/** What a container's monitor runs at its end, and whoever starts it again. */
function ownCommand(program: string, root: string, words: readonly string[]): string[] {
  return [process.execPath, '--no-warnings', program, '--root', root, ...words]
}
