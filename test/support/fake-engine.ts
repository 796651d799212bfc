import type { Builder } from '../../src/builder/build.ts'
import type { Attachment, Containers, ContainerDetails } from '../../src/containers/containers.ts'
import type { Volumes } from '../../src/containers/volume/volume-details.ts'
import type { Networks } from '../../src/containers/network/networks.ts'
import type { Engine, EngineInfo, Registries } from '../../src/engine/engine.ts'
import type { Artifacts } from '../../src/images/artifacts/artifacts.ts'
import type { Manifests } from '../../src/images/manifests/manifests.ts'
import type { ImageDetails, Images, ImageSummary } from '../../src/images/images.ts'
import type { EngineEvent } from '../../src/store/event-log.ts'
import { parseDiffId, sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'

/** An engine of the methods a test gives; any other one fails the test by name. */
export interface FakeEngineParts {
  readonly images?: Partial<Images>
  readonly builder?: Partial<Builder>
  readonly containers?: Partial<Containers>
  readonly volumes?: Partial<Volumes>
  readonly networks?: Partial<Networks>
  readonly registries?: Partial<Registries>
  readonly manifests?: Partial<Manifests>
  readonly artifacts?: Partial<Artifacts>
  readonly info?: EngineInfo
  readonly events?: readonly EngineEvent[]
}

export function fakeEngine(parts: FakeEngineParts = {}): Engine {
  return {
    root: '/fake',
    images: only<Images>('images', parts.images),
    builder: only<Builder>('builder', parts.builder),
    containers: only<Containers>('containers', parts.containers),
    volumes: only<Volumes>('volumes', parts.volumes),
    networks: only<Networks>('networks', parts.networks),
    registries: only<Registries>('registries', parts.registries),
    manifests: only<Manifests>('manifests', parts.manifests),
    artifacts: only<Artifacts>('artifacts', parts.artifacts),
    events: () => eventsOf(parts.events ?? []),
    withLogins: () => {
      throw new Error('fake engine: withLogins')
    },
    info: () =>
      parts.info === undefined ? Promise.reject(new Error('fake engine: info')) : Promise.resolve(parts.info),
    collect: () => Promise.resolve(0),
    check: () => Promise.resolve([]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function* eventsOf(events: readonly EngineEvent[]): AsyncGenerator<EngineEvent> {
  yield* events
}

function only<Part extends object>(name: string, methods: Partial<Part> = {}): Part {
  return new Proxy(methods as Part, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key)
      if (method !== undefined) return method
      return () => Promise.reject(new Error(`fake engine: ${name}.${String(key)} is not given`))
    },
  })
}

/** The moment at which golden tests run: 2026-11-21 08:21:12 UTC. */
export const fakeNow: number = Date.UTC(2026, 10, 21, 8, 21, 12)

export function fakeImage(name: string, fields: Partial<ImageSummary> = {}): ImageSummary {
  return {
    id: sha256(name),
    repoTags: [name],
    repoDigests: [],
    labels: {},
    createdAt: fakeNow - 3 * 24 * 3_600_000,
    size: 8_512_345,
    sharedSize: 0,
    containers: 0,
    dangling: false,
    ...fields,
  }
}

export function fakeImageDetails(name: string): ImageDetails {
  const created = '2026-11-18T08:21:12Z'
  return {
    ...fakeImage(name),
    config: {
      created,
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], Labels: { a: 'b' } },
      rootfs: { type: 'layers', diff_ids: [parseDiffId(sha256('layer'))] },
      history: [{ created, created_by: 'RUN x', comment: 'made' }],
    },
    manifest: { mediaType: mediaTypes.ociManifest, digest: sha256('manifest'), size: 400 },
    architecture: 'amd64',
    os: 'linux',
  }
}

export function fakeContainer(name: string, fields: Partial<ContainerDetails> = {}): ContainerDetails {
  return {
    id: sha256(name).slice(7),
    name,
    createdAt: fakeNow - 180_000,
    imageId: sha256('busybox'),
    imageName: 'busybox',
    path: 'sleep',
    args: ['1000'],
    state: {
      status: 'running',
      pid: 42,
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: fakeNow - 179_000,
      finishedAt: 0,
    },
    config: { Hostname: name, Tty: false, OpenStdin: false, Cmd: ['sleep', '1000'], Labels: { a: 'b' } },
    request: {
      image: 'busybox',
      env: [],
      tty: false,
      openStdin: false,
      labels: {},
      mounts: [],
      network: 'bridge',
      ports: [],
      publishAll: false,
      extraHosts: [],
      dns: [],
      readonlyRootfs: false,
      init: false,
      privileged: false,
      capAdd: [],
      capDrop: [],
      ulimits: [],
      securityOptions: [],
      autoRemove: false,
      logDriver: 'json-file',
      logOptions: {},
    },
    mounts: [],
    networks: { bridge: { id: sha256('bridge').slice(7) } },
    ports: [],
    exposedPorts: [],
    logPath: '/fake/log',
    restartCount: 0,
    ...fields,
  }
}

/** Streams of a container that prints `output` and ends; what is written to it is kept in `input`. */
export function fakeAttachment(
  output: readonly (readonly ['stdout' | 'stderr', string])[],
): Attachment & { readonly input: string[] } {
  const input: string[] = []
  return {
    input,
    write: (chunk) => Promise.resolve(void input.push(Buffer.from(chunk).toString())),
    end: () => Promise.resolve(void input.push('<end>')),
    resize: () => Promise.resolve(),
    output: chunks(output),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function* chunks(
  output: readonly (readonly ['stdout' | 'stderr', string])[],
): AsyncGenerator<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }> {
  // a turn of the event loop, so that input which is there already is handed on first
  await new Promise((resolve) => setImmediate(resolve))
  for (const [stream, text] of output) yield { stream, chunk: Buffer.from(text) }
}
