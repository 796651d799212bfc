import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Contestant } from '../case.ts'
import { run, succeeds } from '../measure.ts'
import { makeBigImage } from './big-image.ts'
import { makeManyFiles } from './many-files.ts'
import { startRegistry, type LocalRegistry } from './registry.ts'

export const baseImage = 'busybox'
export const bigImage = 'mille-bench-big'

/** What the cases work on. All is made at its first use, from nothing but this program, and kept in `folder` for the next run. */
export interface Workloads extends AsyncDisposable {
  readonly folder: string
  /** An empty name below `folder` that may be filled and removed. */
  readonly scratch: string
  /** Makes sure that the contestant has the busybox base. */
  loadBase(contestant: Contestant): Promise<void>
  /** A context with this Dockerfile and nothing else. */
  context(name: string, dockerfile: string): Promise<string>
  /** A folder below `folder` that `make` fills once. */
  made(name: string, make: (path: string) => void): Promise<string>
  manyFiles(): Promise<string>
  /** Archive of the big image, and the tars of its layers. */
  bigImage(): Promise<{ readonly archive: string; readonly tars: readonly string[] }>
  /** The registry that has the big image: its name there, and the compressed layers as files. */
  bigInRegistry(): Promise<{ readonly reference: string; readonly blobs: readonly string[] }>
}

export function openWorkloads(folder: string, mille: Contestant): Workloads {
  const base = join(folder, 'busybox.tar')
  const big = join(folder, 'big')
  let registry: Promise<LocalRegistry> | undefined
  /** Makes `path` once and whole: an interrupted run leaves only a name that no one looks at. */
  const make = async (path: string, work: (unfinished: string) => void | Promise<void>): Promise<string> => {
    if (existsSync(path)) return path
    process.stderr.write(`bench: making ${path}\n`)
    await rm(`${path}.unfinished`, { recursive: true, force: true })
    await work(`${path}.unfinished`)
    await rename(`${path}.unfinished`, path)
    return path
  }
  const makeBig = async (): Promise<{ archive: string; tars: string[] }> => {
    await make(big, async (unfinished) => {
      await makeBigImage(unfinished, join(unfinished, 'archive.tar'))
    })
    const names = await readdir(big)
    const tars = names.filter((name) => name.startsWith('layer-')).toSorted()
    return { archive: join(big, 'archive.tar'), tars: tars.map((name) => join(big, name)) }
  }
  return {
    folder,
    scratch: join(folder, 'scratch'),
    async loadBase(contestant) {
      if (await succeeds(contestant.command('image', 'inspect', baseImage))) return
      if (contestant.name === 'mille') return void (await run(mille.command('image', 'bootstrap', baseImage)))
      await this.loadBase(mille)
      await make(base, async (path) => void (await run(mille.command('save', '-o', path, baseImage))))
      await run(contestant.command('load', '-q', '-i', base))
    },
    async context(name, dockerfile) {
      const path = join(folder, name)
      await mkdir(path, { recursive: true })
      await writeFile(join(path, 'Dockerfile'), dockerfile)
      return path
    },
    made: (name, work) => make(join(folder, name), work),
    manyFiles: () => make(join(folder, 'many-files'), makeManyFiles),
    bigImage: makeBig,
    async bigInRegistry() {
      const data = join(folder, 'registry')
      registry ??= startRegistry(data, mille)
      const { host } = await registry
      const reference = `${host}/${bigImage}:latest`
      const { archive } = await makeBig()
      const there = await fetch(`http://${host}/v2/${bigImage}/manifests/latest`, {
        method: 'HEAD',
        headers: accept,
      })
      if (!there.ok) {
        process.stderr.write('bench: filling the registry\n')
        await run(mille.command('load', '-q', '-i', archive))
        await run(mille.command('tag', bigImage, reference))
        await run(mille.command('push', '-q', reference))
      }
      return { reference, blobs: await bigFiles(data) }
    },
    async [Symbol.asyncDispose]() {
      for (const name of ['scratch', 'scratch.tar'])
        await rm(join(folder, name), { recursive: true, force: true })
      await (await registry)?.[Symbol.asyncDispose]()
    },
  }
}

const accept = {
  accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
}

/** The layers in a registry's folder, whatever its layout: its files above a MiB. */
async function bigFiles(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if ((await stat(path)).size > 1024 * 1024) found.push(path)
  }
  return found
}
