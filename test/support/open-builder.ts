import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BaseImage } from '../../src/builder/base-images.ts'
import type { BuildEvent, BuildResult, BuildWish, Builder } from '../../src/builder/build.ts'
import { createBuilder } from '../../src/builder/create-builder.ts'
import { createImageWriter } from '../../src/engine/image-writer.ts'
import { chainIdOf } from '../../src/oci/digest.ts'
import { openRuntime } from '../../src/runtime/open-runtime.ts'
import type { Store } from '../../src/store/store.ts'
import { failure } from '../../src/util/errors.ts'
import { makeBusyboxImage } from './busybox-image.ts'
import { openTempStore } from './temp-store.ts'

/** A builder on a fresh store that has `busybox`, with the machine's runtime; steps have no network of their own. */
export interface TestBuilder extends AsyncDisposable {
  readonly store: Store
  readonly builder: Builder
  build(
    request: BuildWish,
    options?: { readonly onEvent?: (event: BuildEvent) => void; readonly signal?: AbortSignal },
  ): Promise<BuildResult>
}

export async function openTestBuilder(): Promise<TestBuilder> {
  const store = await openTempStore()
  const stateFolder = mkdtempSync(join(tmpdir(), 'mille-state-'))
  await makeBusyboxImage(store)
  const runtime = openRuntime({ stateFolder })
  const resolve = (name: string): Promise<BaseImage> => {
    const image = store.images.find(name.includes('/') ? name : `docker.io/library/${name}:latest`)
    if (image === undefined) return Promise.reject(failure('NO_SUCH_IMAGE', { reference: name }))
    const diffIds = image.config.rootfs.diff_ids
    const chain = chainIdOf(diffIds)
    const base = { id: image.id, name, config: image.config, diffIds }
    return Promise.resolve(chain === undefined ? base : { ...base, chain })
  }
  const builder = createBuilder({
    store,
    runner: runtime,
    openElsewhere: () => Promise.reject(new Error('no other machine here')),
    openCache: () => Promise.reject(new Error('no registry here')),
    imageWriter: createImageWriter(store, () => Promise.reject(new Error('no registry here'))),
    baseImages: {
      resolve,
      describe: resolve,
      digest: async (name) => (await resolve(name)).id,
    },
  })
  return {
    store,
    builder,
    build: (request, options) => builder.build({ network: 'none', ...request }, options),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      rmSync(stateFolder, { recursive: true, force: true })
    },
  }
}
