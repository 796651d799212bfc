import type { ContainerConfig, ImageConfig } from '../../oci/config.ts'
import type { DiffId, Digest } from '../../oci/digest.ts'
import { hostPlatform } from '../../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { LayerInfo, Lease, Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { busyboxLayer } from './busybox.ts'
import { debianLayer } from './debian.ts'

export interface BootstrapOptions extends OpOptions {
  /** mmdebstrap's variant; default `minbase`. */
  readonly variant?: string
}

/** One kind of base image that can be made from this machine's Debian packages. */
interface Recipe {
  readonly config: ContainerConfig
  readonly createdBy: string
  layer(store: Store, lease: Lease): Promise<LayerInfo>
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Makes a base image without a registry: `busybox` from busybox-static, `debian:SUITE` or `ubuntu:SUITE` with mmdebstrap
 * and this machine's own apt sources. Same packages, same digest. PROGRAM_MISSING names the Debian package to install.
 */
export async function bootstrapImage(
  store: Store,
  name: string,
  options: BootstrapOptions = {},
): Promise<Digest> {
  const reference = withDefaultTag(parseReference(name))
  const recipe = recipeFor(reference.repository, reference.tag ?? 'latest', options)
  await using lease = await store.lease(`bootstrap ${name}`)
  options.onProgress?.({ status: recipe.createdBy })
  const { diffId } = await recipe.layer(store, lease)
  const chain = await store.snapshots.apply(diffId, undefined, { lease, signal: options.signal })
  lease.hold({ kind: 'chain', chain })
  const config = imageConfig(recipe, diffId)
  const record = await store.images.create({ config, names: [formatReference(reference)] }, lease)
  return record.id
}

function recipeFor(repository: string, tag: string, options: BootstrapOptions): Recipe {
  if (repository === 'library/busybox') {
    return {
      config: { Env: [path], Cmd: ['sh'] },
      createdBy: 'busybox-static',
      layer: (store, lease) => busyboxLayer(store, { lease, signal: options.signal }),
    }
  }
  if (repository === 'library/debian' || repository === 'library/ubuntu') {
    const suite = tag === 'latest' ? undefined : tag
    return {
      config: { Env: [path], Cmd: ['bash'] },
      createdBy: `mmdebstrap ${suite ?? ''}`.trim(),
      layer: (store, lease) =>
        debianLayer(store, { suite, variant: options.variant ?? 'minbase', lease, signal: options.signal }),
    }
  }
  throw failure('BOOTSTRAP_UNKNOWN', { name: repository.replace(/^library\//, '') })
}

/** Constant times: the image must not depend on when it was made. */
function imageConfig(recipe: Recipe, diffId: DiffId): ImageConfig {
  const created = new Date(0).toISOString()
  const { os, architecture, variant } = hostPlatform()
  return {
    created,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: recipe.config,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, created_by: `mille image bootstrap (${recipe.createdBy})` }],
  }
}
