import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { Manifest } from '../../src/oci/manifest.ts'
import { readText } from '../../src/util/read-text.ts'

/** A build cache in a folder, as whoever can read an OCI layout sees it. */
export interface CacheFolder {
  readonly path: string
  /** Of the cache tagged `latest`. */
  manifest(): Manifest
  /** The layer that is the cache mount `id`. */
  mount(id: string): Descriptor | undefined
  /** GNU tar's own list of what is in that mount: `mode owner/group name`. */
  list(id: string): string[]
  /** Puts other bytes in the place of a mount's tar, and has config, manifest and index say so. */
  replaceMount(id: string, bytes: Buffer): void
}

export function openCacheFolder(path: string): CacheFolder {
  const blob = (digest: string): string => join(path, 'blobs/sha256', digest.slice('sha256:'.length))
  const readIndex = (): { manifests: Descriptor[] } =>
    JSON.parse(readText(join(path, 'index.json'))) as { manifests: Descriptor[] }
  const manifest = (): Manifest =>
    JSON.parse(readText(blob(readIndex().manifests[0]?.digest ?? ''))) as Manifest
  const mount = (id: string): Descriptor | undefined =>
    manifest().layers.find(({ annotations }) => annotations?.['mille.cache-mount.id'] === id)
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    writeFileSync(blob(digest), bytes)
    return { digest, size: bytes.length }
  }
  return {
    path,
    manifest,
    mount,
    list(id) {
      const text = execFileSync('tar', ['--numeric-owner', '-tvf', blob(mount(id)?.digest ?? '')]).toString()
      return text
        .trim()
        .split('\n')
        .map((line) => line.replace(/^(\S+) +(\S+) +\d+ +\S+ +\S+ /, '$1 $2 '))
    },
    replaceMount(id, bytes) {
      const old = mount(id)?.digest ?? ''
      const described = put(bytes)
      const whole = manifest()
      const config = readText(blob(whole.config.digest)).replaceAll(old, described.digest)
      const layers = whole.layers.map((layer) => (layer.digest === old ? { ...layer, ...described } : layer))
      const made = put(
        Buffer.from(
          JSON.stringify({ ...whole, config: { ...whole.config, ...put(Buffer.from(config)) }, layers }),
        ),
      )
      const index = readIndex()
      writeFileSync(
        join(path, 'index.json'),
        JSON.stringify({ ...index, manifests: [{ ...index.manifests[0], ...made }] }),
      )
    },
  }
}
