import { dirname, resolve } from 'node:path'
import {
  invalid,
  isMapping,
  listOf,
  mapOf,
  anything,
  type Mapping,
  type Place,
  record,
  type Shape,
  shortOr,
  listOrOne,
  text,
  below,
} from './shape.ts'
import { fileObjectShape, networkShape, volumeShape } from './resource-shapes.ts'
import { interpolate, InterpolationProblem, type Lookup } from './interpolate.ts'
import { pathOrAddress } from './scalars.ts'
import type { Resources } from './project.ts'
import type { YamlTree } from './yaml-tree.ts'

/** What one file says; services are not yet in their long form, as they may extend others. */
export interface FileDraft extends Omit<Resources, 'services'> {
  readonly name?: string
  readonly services: Mapping
  readonly include: readonly Include[]
  readonly extensions: Mapping
}

export interface Include {
  readonly path: readonly string[]
  readonly project_directory?: string
  readonly env_file?: readonly string[]
}

interface TopLevel extends Omit<FileDraft, 'extensions'> {
  readonly version: unknown
  readonly models: unknown
}

const paths: Shape<readonly string[]> = listOrOne(pathOrAddress)

const topLevel: Shape<Partial<TopLevel>> = record<TopLevel>({
  version: anything,
  name: text,
  include: listOf(
    shortOr(
      record<Include>(
        { path: paths, project_directory: pathOrAddress, env_file: paths },
        { required: ['path'] },
      ),
      (value, place) => ({
        path: [pathOrAddress.read(value, place)],
      }),
    ),
  ),
  services: mapOf(anything),
  models: anything,
  networks: mapOf(networkShape),
  volumes: mapOf(volumeShape),
  secrets: mapOf(fileObjectShape),
  configs: mapOf(fileObjectShape),
})

export interface DraftOptions {
  readonly file: string
  readonly folder: string
  /** undefined: nothing is filled in. */
  readonly lookup: Lookup | undefined
  readonly warn: (text: string) => void
}

/** One document with its variables filled in. */
export function fillIn(tree: YamlTree, place: Place, { lookup, warn }: DraftOptions): unknown {
  if (lookup === undefined) return tree.value
  const onMissing = (name: string): void =>
    warn(`The "${name}" variable is not set. Defaulting to a blank string.`)
  const fill = (value: unknown, at: Place): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown, index) => fill(item, below(at, index)))
    if (isMapping(value))
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, below(at, key))]))
    if (typeof value !== 'string' || !value.includes('$')) return value
    try {
      return interpolate(value, { lookup, onMissing })
    } catch (error) {
      if (!(error instanceof InterpolationProblem)) throw error
      throw invalid(
        at,
        error.isFormat
          ? `invalid interpolation format for ${at.path}. You may need to escape any $ with another $: ${error.message}`
          : `error while interpolating ${at.path}: ${error.message}`,
      )
    }
  }
  return fill(tree.value, place)
}

/** The parts of a document, checked but for its services. */
export function readDraft(value: unknown, place: Place, options: DraftOptions): FileDraft {
  if (!isMapping(value)) throw invalid(place, 'top-level object must be a mapping')
  const { version, models, ...given } = topLevel.read(value, place)
  if (version !== undefined)
    options.warn(
      `${options.file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
    )
  void models
  const extensions = Object.fromEntries(Object.entries(given).filter(([key]) => key.startsWith('x-')))
  const { name, include = [], services = {}, networks = {}, volumes = {}, secrets = {}, configs = {} } = given
  return {
    ...(name !== undefined && { name }),
    include,
    services,
    networks,
    volumes,
    secrets,
    configs,
    extensions,
  }
}

/** The folder that an included file's paths start from. */
export function includeFolder({ path, project_directory }: Include): string {
  return project_directory === undefined ? dirname(resolve(path[0] ?? '.')) : resolve(project_directory)
}
