import { mkdirSync, mkdtempSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { digestHex, sha256, type Digest } from '../../src/oci/digest.ts'
import { type BlobLayers, openLayers } from '../../src/store/layers/open-layers.ts'
import { openSnapshots } from '../../src/store/snapshots/open-snapshots.ts'
import type { Snapshotter } from '../../src/store/snapshotter.ts'
import { readText } from '../../src/util/read-text.ts'

/** A layer store and a snapshotter in a temporary folder, without metadata: for tests of these two alone. */
export interface LayerBench extends AsyncDisposable {
  readonly root: string
  readonly layers: BlobLayers
  readonly snapshots: Snapshotter
  readonly warnings: string[]
  /** The same folders opened again, as another process would. */
  reopen(): Snapshotter
}

export function layerBench(kind: Snapshotter['kind'] | undefined): LayerBench {
  const root = mkdtempSync(join(tmpdir(), 'mille-layers-'))
  const opened = openBench(root, kind)
  return {
    ...opened,
    root,
    reopen: () => openBench(root, kind).snapshots,
    async [Symbol.asyncDispose]() {
      await opened.layers[Symbol.asyncDispose]()
      unmountBelow(root)
      rmSync(root, { recursive: true })
    },
  }
}

/** Layers and snapshots in `root`, which other processes may have open too. */
export function openBench(
  root: string,
  kind: Snapshotter['kind'] | undefined,
): Pick<LayerBench, 'layers' | 'snapshots' | 'warnings'> {
  mkdirSync(join(root, 'blobs'), { recursive: true })
  const blobPath = (digest: Digest): string => join(root, 'blobs', digestHex(digest))
  let count = 0
  const layers = openLayers({
    folder: join(root, 'layers'),
    content: {
      temporaryPath: () => join(root, `tmp-${String(process.pid)}-${String(count++)}`),
      path: blobPath,
      stat: (digest) =>
        Promise.resolve(
          existsSync(blobPath(digest)) ? { digest, size: statSync(blobPath(digest)).size } : undefined,
        ),
      forgetDownload: () => {},
      adopt: (path, info) => Promise.resolve(renameSync(path, blobPath(info.digest))),
      ingest: async (body, { onBytes } = {}) => {
        const bytes = body instanceof Uint8Array ? Buffer.from(body) : await buffer(body)
        onBytes?.(bytes)
        const digest = sha256(bytes)
        writeFileSync(blobPath(digest), bytes)
        return { digest, size: bytes.length }
      },
      fetch: ({ digest }) => Promise.resolve(createReadStream(blobPath(digest))),
    },
  })
  const warnings: string[] = []
  const lock = (): Promise<AsyncDisposable> =>
    Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() })
  const folder = join(root, 'snapshots')
  const snapshots = openSnapshots({ folder, layers, lock, kind, warn: (text) => warnings.push(text) })
  return { layers, snapshots, warnings }
}

/** Whatever is mounted below `root` goes, deepest first. */
export function unmountBelow(root: string): void {
  const mounts = readText('/proc/self/mounts')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
  for (const path of mounts.toReversed()) execFileSync('umount', [path])
}
