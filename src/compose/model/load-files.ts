import { dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { readEnvFiles, envFileOf } from './env-files.ts'
import {
  type DraftOptions,
  type FileDraft,
  fillIn,
  type Include,
  includeFolder,
  readDraft,
} from './file-draft.ts'
import { merge, without } from './merge.ts'
import type { Resources } from './project.ts'
import type { ReadFile } from './read-file.ts'
import { serviceShape } from './service-shape.ts'
import type { Service } from './service.ts'
import { below, invalid, type Mapping, type Place } from './shape.ts'
import { readYaml } from './yaml-tree.ts'

export interface LoadOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly isInterpolating: boolean
  readonly readFile: ReadFile
  readonly warn: (text: string) => void
}

/** Files merged: what they say, not yet with defaults. */
export interface Merged extends Resources {
  readonly name?: string
  readonly extensions: Mapping
}

const nothing: Merged = { services: {}, networks: {}, volumes: {}, secrets: {}, configs: {}, extensions: {} }
const kinds = ['services', 'networks', 'volumes', 'secrets', 'configs'] as const

/** Hostile files may include each other without end though none includes itself. */
const mostFiles = 500

/** Loads files and what they extend and include. Errors: COMPOSE_*. */
export function createLoader(options: LoadOptions): {
  load(files: readonly string[], folder: string): Promise<Merged>
} {
  return new Loader(options)
}

class Loader {
  readonly #options: LoadOptions
  readonly #environment: Readonly<Record<string, string>>
  /** Files that are being included, from the first one to this. */
  readonly #chain: readonly string[]
  readonly #count: { files: number }

  constructor(options: LoadOptions, chain: readonly string[] = [], count: { files: number } = { files: 0 }) {
    this.#options = options
    this.#environment = options.environment
    this.#chain = chain
    this.#count = count
  }

  async load(files: readonly string[], folder: string): Promise<Merged> {
    let merged = nothing
    for (const file of files) merged = await this.#addFile(merged, file, folder)
    return merged
  }

  async #addFile(base: Merged, file: string, folder: string): Promise<Merged> {
    let merged = base
    for (const { draft, place } of await this.#documents(file, folder)) {
      const services = await this.#services(draft.services, place)
      const own: Merged = { ...draft, services }
      const included = await this.#include(own, draft.include, file)
      let target: unknown = merged
      for (const path of place.source.cleared) target = without(target, path)
      merged = mergeAll(target as Merged, included)
    }
    return merged
  }

  async #documents(
    file: string,
    folder: string,
  ): Promise<{ readonly draft: FileDraft; readonly place: Place }[]> {
    this.#count.files += 1
    if (this.#count.files > mostFiles)
      throw failure('COMPOSE_INVALID', {
        file,
        reason: `more than ${mostFiles} files are included or extended`,
      })
    const text = await this.#options.readFile(file)
    const { isInterpolating, warn } = this.#options
    const draftOptions: DraftOptions = {
      file,
      folder,
      warn,
      lookup: isInterpolating
        ? (name) => (Object.hasOwn(this.#environment, name) ? this.#environment[name] : undefined)
        : undefined,
    }
    const trees = readYaml(text, file)
    if (trees.every(({ value }) => value === null))
      throw failure('COMPOSE_INVALID', { file, reason: 'empty compose file' })
    return trees
      .filter(({ value }) => value !== null)
      .map((tree) => {
        const { position, cleared } = tree
        const place: Place = { path: '', source: { file, folder, position, cleared } }
        return { draft: readDraft(fillIn(tree, place, draftOptions), place, draftOptions), place }
      })
  }

  async #services(given: Mapping, place: Place): Promise<Readonly<Record<string, Service>>> {
    const services: Record<string, Service> = {}
    for (const name of Object.keys(given)) services[name] = await this.#service(name, given, place, [])
    return services
  }

  /** A service in its long form, with what it extends. `chain`: what led here. */
  async #service(name: string, given: Mapping, top: Place, chain: readonly string[]): Promise<Service> {
    const place = below(below(top, 'services'), name)
    const link = `${name} in ${top.source.file}`
    if (chain.includes(link))
      throw invalid(place, `Circular reference:\n  ${[...chain, link].join('\n  extends ')}`)
    // as a key of an object `__proto__` would be its prototype, and the service be gone
    if (!/^[a-zA-Z0-9._-]+$/.test(name) || name === '__proto__')
      throw invalid(place, `services additional properties '${name}' not allowed`)
    const service = serviceShape.read(given[name], place)
    if (service.extends === undefined) return service
    const { extends: wanted, ...own } = service
    let base: unknown = await this.#extended(wanted, given, place, top, [...chain, link])
    for (const [kind, owner, ...rest] of top.source.cleared)
      if (kind === 'services' && owner === name) base = without(base, rest)
    return merge(base, own, 'services/extended') as Service
  }

  async #extended(
    { file, service }: NonNullable<Service['extends']>,
    siblings: Mapping,
    place: Place,
    top: Place,
    chain: readonly string[],
  ): Promise<Service> {
    if (file === undefined) {
      if (Object.hasOwn(siblings, service)) return await this.#service(service, siblings, top, chain)
      throw invalid(below(place, 'extends'), cannotExtend(place, service, 'this file', siblings))
    }
    let found: unknown
    for (const { draft, place: other } of await this.#documents(file, dirname(file))) {
      if (Object.hasOwn(draft.services, service))
        found = merge(found, await this.#service(service, draft.services, other, chain), 'services/extended')
      else if (found === undefined)
        throw invalid(below(place, 'extends'), cannotExtend(place, service, file, draft.services))
    }
    return found as Service
  }

  async #include(own: Merged, includes: readonly Include[], file: string): Promise<Merged> {
    let result = own
    for (const include of includes) {
      const imported = await this.#included(include, file)
      for (const kind of kinds) {
        for (const [name, resource] of Object.entries(imported[kind])) {
          const present = Object.hasOwn(result[kind], name) ? result[kind][name] : undefined
          if (present !== undefined && !isDeepStrictEqual(present, resource))
            throw failure('COMPOSE_INVALID', {
              file,
              reason: `${kind}.${name} conflicts with imported resource`,
            })
        }
      }
      result = mergeAll(imported, result)
    }
    return result
  }

  async #included(include: Include, file: string): Promise<Merged> {
    const files = include.path.map((path) => resolve(path))
    for (const path of include.path)
      if (/^[a-z+]+:\/\/|^git@|^github\.com\//.test(path))
        throw failure('COMPOSE_UNSUPPORTED', {
          what: `include of ${path}`,
          reason: 'only files of this machine are included',
        })
    const chain = [...this.#chain, resolve(file)]
    const again = files.find((path) => chain.includes(path))
    if (again !== undefined)
      throw failure('COMPOSE_INVALID', {
        file,
        reason: `include cycle detected:\n${chain[0]}\n include ${[...chain.slice(1), again].join('\n include ')}`,
      })
    const folder = includeFolder(include)
    const envFiles = include.env_file ?? (await envFileOf(folder, this.#options.readFile))
    const more = await readEnvFiles(envFiles, this.#environment, this.#options.readFile)
    const environment = { ...more, ...this.#environment }
    const loader = new Loader({ ...this.#options, environment }, chain, this.#count)
    return withContexts(await loader.load(files, folder), folder)
  }
}

/** What is built without saying where is built in the folder of its own project. */
function withContexts(merged: Merged, folder: string): Merged {
  const services = Object.entries(merged.services).map(([name, service]) => {
    const { build } = service
    return [
      name,
      build === undefined ? service : { ...service, build: { context: folder, ...build } },
    ] as const
  })
  return { ...merged, services: Object.fromEntries(services) }
}

function cannotExtend(place: Place, service: string, where: string, services: Mapping): string {
  const near = suggest(service, Object.keys(services))
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  return `cannot extend service "${place.path.split('.').slice(1).join('.')}" in ${place.source.file}: service "${service}" not found in ${where}${hint}`
}

function mergeAll(earlier: Merged, later: Merged): Merged {
  const result: Record<string, unknown> = {}
  for (const kind of kinds) result[kind] = merge(earlier[kind], later[kind], kind)
  const name = later.name ?? earlier.name
  return {
    ...(result as unknown as Resources),
    ...(name !== undefined && { name }),
    extensions: merge(earlier.extensions, later.extensions) as Mapping,
  }
}
