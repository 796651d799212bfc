import { createReadStream } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { readTar } from '../../src/tar/read-tar.ts'

/** What `docker save` says of an image. */
export interface SavedImage {
  readonly config: SavedConfig
  /** Uncompressed layer tars, bottom first. */
  readonly layers: readonly Buffer[]
}

export interface SavedConfig {
  readonly config?: Readonly<Record<string, unknown>>
  readonly history?: readonly Readonly<Record<string, unknown>>[]
  readonly [name: string]: unknown
}

/** Reads an archive of one image; small ones only, as all of it is held. */
export async function readSavedImage(path: string): Promise<SavedImage> {
  const files = new Map<string, Buffer>()
  for await (const { entry, body } of readTar(createReadStream(path) as AsyncIterable<Buffer>))
    if (entry.type === 'file') files.set(entry.path, await buffer(body))
  const get = (name: string): Buffer => {
    const bytes = files.get(name)
    if (bytes === undefined) throw new Error(`${path} has no ${name}`)
    return bytes
  }
  const [image] = JSON.parse(get('manifest.json').toString()) as { Config: string; Layers: string[] }[]
  if (image === undefined) throw new Error(`${path} has no image`)
  return { config: JSON.parse(get(image.Config).toString()) as SavedConfig, layers: image.Layers.map(get) }
}
