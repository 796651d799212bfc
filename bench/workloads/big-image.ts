import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeTar, type TarSource } from '../../src/tar/writer.ts'
import { Contents } from './contents.ts'

/** Files and mean size of each layer: about 824 MB of tar in 49,500 entries, as in a Debian with Python, Node and a compiler. */
const layers = [
  { files: 7_000, mean: 17_700 },
  { files: 12_000, mean: 13_500 },
  { files: 14_000, mean: 17_700 },
  { files: 15_700, mean: 18_300 },
] as const
const filesInFolder = 60
const second = 1_000_000_000n
const mtime = 1_700_000_000n * second

/** Writes the archive of an image of four layers, as `docker save` does, and the layers' tars beside it in `folder`. */
export async function makeBigImage(folder: string, archive: string): Promise<string[]> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const tars: string[] = []
  for (const [index, layer] of layers.entries()) {
    const tar = join(folder, `layer-${index}.tar`)
    await pipeline(writeTar(layerEntries(index, layer)), createWriteStream(tar))
    tars.push(tar)
  }
  const diffIds = await Promise.all(tars.map(hashFile))
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '2023-11-14T22:13:20Z',
    config: { Cmd: ['/bin/busybox', 'true'] },
    rootfs: { type: 'layers', diff_ids: diffIds.map((hex) => `sha256:${hex}`) },
    history: diffIds.map((_, index) => ({ created_by: `layer ${index}`, created: '2023-11-14T22:13:20Z' })),
  })
  await pipeline(writeTar(archiveEntries(config, tars, diffIds)), createWriteStream(archive))
  await writeFile(join(folder, 'config.json'), config)
  return tars
}

function* layerEntries(
  index: number,
  layer: { readonly files: number; readonly mean: number },
): Generator<TarSource> {
  const contents = new Contents(index + 1)
  const owner = { uid: 0, gid: 0, mtime }
  const top = `layer-${index}`
  yield { header: { path: top, type: 'directory', mode: 0o755, ...owner } }
  for (let file = 0; file < layer.files; file++) {
    const folder = `${top}/package-${Math.floor(file / filesInFolder)}`
    if (file % filesInFolder === 0)
      yield { header: { path: folder, type: 'directory', mode: 0o755, ...owner } }
    if (file % 25 === 24) {
      yield {
        header: {
          path: `${folder}/link-${file}`,
          type: 'symlink',
          mode: 0o777,
          linkTarget: 'file',
          ...owner,
        },
      }
      continue
    }
    const body = contents.bytes(contents.size(layer.mean))
    const path = `${folder}/file-${file}`
    yield { header: { path, type: 'file', mode: 0o644, size: body.length, ...owner }, body }
  }
}

async function* archiveEntries(
  config: string,
  tars: readonly string[],
  diffIds: readonly string[],
): AsyncGenerator<TarSource> {
  const owner = { uid: 0, gid: 0, mtime, mode: 0o644, type: 'file' } as const
  const text = (path: string, body: string): TarSource => {
    const bytes = Buffer.from(body)
    return { header: { path, size: bytes.length, ...owner }, body: bytes }
  }
  const configPath = `${createHash('sha256').update(config).digest('hex')}.json`
  const layerPaths = diffIds.map((hex) => `${hex}/layer.tar`)
  yield text(configPath, config)
  for (const [index, tar] of tars.entries()) {
    const { size } = await stat(tar)
    const body = createReadStream(tar, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>
    yield { header: { path: layerPaths[index] ?? '', size, ...owner }, body }
  }
  yield text(
    'manifest.json',
    JSON.stringify([{ Config: configPath, RepoTags: ['mille-bench-big:latest'], Layers: layerPaths }]),
  )
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
