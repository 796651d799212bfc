import { stat } from 'node:fs/promises'
import {
  imageOutput,
  type BuildOutput,
  type Destination,
  type FilesOutput,
} from '../../builder/export/output.ts'
import type { Annotation, ImageForm, LayerCompression } from '../../oci/image-form.ts'
import { canonicalName } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { CommandContext } from '../command.ts'
import { csvFields, parseAttributes } from '../input/parse-attributes.ts'
import { type Flag, flatList, type FlagValues, list, toggle } from '../flags/flag.ts'
import { parseAnnotation, parseAnnotationKey } from '../input/parse-annotation.ts'
import { writeOutputFile } from '../write-output-file.ts'

/** The table of `outputFlags`. */
export type OutputFlags = {
  readonly annotation: Flag<readonly Annotation[]>
  readonly load: Flag<boolean>
  readonly output: Flag<readonly string[]>
  readonly push: Flag<boolean>
  readonly squash: Flag<boolean>
}

/** The flags of `build` that say where its result goes. */
export const outputFlags: OutputFlags = {
  annotation: flatList('Add annotation to the image', parseAnnotation),
  load: toggle('Shorthand for "--output=type=docker": the image goes into the store, as it does anyway'),
  output: list('Output destination (format: "type=local,dest=path")', { short: 'o' }),
  push: toggle('Shorthand for "--output=type=registry"'),
  squash: toggle('Merge the layers above the base into one'),
}

const types = ['cacheonly', 'docker', 'image', 'local', 'oci', 'registry', 'tar'] as const

type Attributes = ReadonlyMap<string, string | undefined>

const refuse = (reason: string): Error => failure('CLI_FAILED', { reason })

/** Every `--output`, with what `--load`, `--push`, `--squash` and `--annotation` add to them (B81-B85). CLI_FAILED (D-C8). */
export async function buildOutputs(
  flags: FlagValues<OutputFlags>,
  context: CommandContext,
): Promise<BuildOutput[]> {
  const outputs: BuildOutput[] = []
  for (const text of flags.output) if (text !== '') outputs.push(await parseOutput(text, context))
  if (flags.load && !outputs.some((output) => output.kind === 'image')) outputs.push(imageOutput)
  if (flags.push) {
    const at = outputs.findIndex((output) => output.kind === 'image')
    const image = outputs[at]
    if (image?.kind === 'image') outputs[at] = { ...image, push: true }
    else outputs.push({ ...imageOutput, push: true })
  }
  if (outputs.length === 0) outputs.push(imageOutput)
  if (outputs.filter(isStandardOutput).length > 1) throw refuse('only one output can go to standard output')
  return outputs.map((output) => {
    if (output.kind !== 'image' && output.kind !== 'archive') return output
    const annotations = [...flags.annotation, ...output.form.annotations]
    return { ...output, squash: output.squash || flags.squash, form: { ...output.form, annotations } }
  })
}

const standardOutputs = new WeakSet<Destination>()

function isStandardOutput(output: BuildOutput): boolean {
  if (output.kind !== 'archive' && output.kind !== 'tar') return false
  return typeof output.destination === 'function' && standardOutputs.has(output.destination)
}

/** The short forms are a folder, or `-` for a tar to standard output. */
async function parseOutput(text: string, context: CommandContext): Promise<BuildOutput> {
  let fields: readonly string[]
  try {
    fields = csvFields(text)
  } catch (cause) {
    throw refuse(`invalid output "${text}": ${cause instanceof Error ? cause.message : ''}`)
  }
  if (fields.length === 1 && !text.startsWith('type=')) {
    if (text === '-') return { kind: 'tar', destination: await sink('-', 'tar', context), ...usualFiles }
    return { kind: 'folder', path: await folder(text, 'local'), ...usualFiles }
  }
  const attributes = parseAttributes(text)
  const given = attributes.get('type')
  const type = types.find((known) => known === given)
  if (given === undefined) throw refuse(`type is required for output "${text}": one of ${types.join(', ')}`)
  if (type === undefined) {
    const near = suggest(given, types)
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    throw refuse(`unknown output type "${given}"${hint}: there are ${types.join(', ')}`)
  }
  const rest = new Attribute(type, attributes)
  const output = await outputOf(type, rest, context)
  rest.refuseUnknown()
  return output
}

async function outputOf(
  type: (typeof types)[number],
  attribute: Attribute,
  context: CommandContext,
): Promise<BuildOutput> {
  switch (type) {
    case 'cacheonly':
      return { kind: 'none' }
    case 'local':
      return {
        kind: 'folder',
        path: await folder(attribute.text('dest'), type),
        ...filesOf(attribute),
      }
    case 'tar':
      return {
        kind: 'tar',
        destination: await sink(attribute.text('dest') ?? '-', type, context),
        ...filesOf(attribute),
      }
    case 'image':
    case 'registry':
      return imageOf(attribute, type === 'registry')
    case 'docker':
    case 'oci': {
      const dest = attribute.text('dest')
      const isTar = attribute.truth('tar', true)
      if (type === 'docker' && dest === undefined && isTar) return imageOf(attribute, false)
      return {
        kind: 'archive',
        layout: type,
        ...namesOf(attribute),
        form: formOf(attribute),
        squash: attribute.truth('squash', false),
        destination: isTar ? await sink(dest ?? '-', type, context) : { folder: await folder(dest, type) },
      }
    }
  }
}

const usualFiles = { split: false, attestationPrefix: '' } as const

function filesOf(attribute: Attribute): Pick<FilesOutput, 'split' | 'attestationPrefix'> {
  const attestationPrefix = attribute.text('attestation-prefix') ?? ''
  if (attestationPrefix.includes('/'))
    throw refuse(`attestation-prefix "${attestationPrefix}" begins a file's name: no slash can be in it`)
  return { split: attribute.truth('platform-split', false), attestationPrefix }
}

function imageOf(attribute: Attribute, isRegistry: boolean): BuildOutput {
  const output: BuildOutput = {
    kind: 'image',
    ...namesOf(attribute),
    form: formOf(attribute),
    squash: attribute.truth('squash', false),
    store: attribute.truth('store', true),
    push: attribute.truth('push', isRegistry),
    byDigest: attribute.truth('push-by-digest', false),
  }
  // what BuildKit must be told to do is always so here
  for (const key of ['unpack', 'rewrite-timestamp']) attribute.truth(key, true)
  return output
}

function namesOf(attribute: Attribute): { readonly names?: readonly string[] } {
  const name = attribute.text('name')
  if (name === undefined) return {}
  const names = name.split(',').map((one) => canonicalName(one.trim()))
  return { names }
}

const compressions: Readonly<Record<string, LayerCompression['type']>> = {
  gzip: 'gzip',
  zstd: 'zstd',
  uncompressed: 'none',
}

function formOf(attribute: Attribute): ImageForm {
  const annotations = attribute.annotations()
  const mediaTypes = attribute.truth('oci-mediatypes', true) ? 'oci' : 'docker'
  const given = attribute.text('compression')
  const level = attribute.number('compression-level')
  const force = attribute.truth('force-compression', false)
  if (given === undefined && level === undefined && !force) return { annotations, mediaTypes }
  const type = compressions[given ?? 'gzip']
  if (type === undefined) {
    throw refuse(`unknown compression "${given}": there are ${Object.keys(compressions).join(', ')}`)
  }
  return {
    annotations,
    mediaTypes,
    compression: { type, force, ...(level !== undefined && { level }) },
  }
}

/** The attributes of one output; what nobody asked for is refused at the end. */
class Attribute {
  readonly #type: string
  readonly #values: Attributes
  readonly #known = new Set(['type'])

  constructor(type: string, values: Attributes) {
    this.#type = type
    this.#values = values
  }

  text(key: string): string | undefined {
    this.#known.add(key)
    if (this.#values.has(key) && this.#values.get(key) === undefined)
      throw refuse(`invalid value for output attribute "${key}": it needs ${key}=VALUE`)
    return this.#values.get(key)
  }

  truth(key: string, initial: boolean): boolean {
    this.#known.add(key)
    if (!this.#values.has(key)) return initial
    const value = this.#values.get(key) ?? 'true'
    if (/^(1|t|true)$/i.test(value)) return true
    if (/^(0|f|false)$/i.test(value)) return false
    throw refuse(`invalid value for output attribute "${key}": "${value}" is neither true nor false`)
  }

  number(key: string): number | undefined {
    const text = this.text(key)
    if (text === undefined) return undefined
    if (!/^\d{1,3}$/.test(text))
      throw refuse(`invalid value for output attribute "${key}": "${text}" is no number`)
    return Number(text)
  }

  /** `annotation.KEY`, `annotation-index[PLATFORM].KEY`, … */
  annotations(): Annotation[] {
    return [...this.#values].flatMap(([key, value]) => {
      const match = /^annotation(?:-([a-z-]+))?(?:\[([^\]]*)\])?\.(.+)$/.exec(key)
      if (match === null) return []
      this.#known.add(key)
      const [, place = 'manifest', platform, name = ''] = match
      return parseAnnotationKey(`${place}${platform === undefined ? '' : `[${platform}]`}:${name}`).map(
        (target) => ({ ...target, value: value ?? '' }),
      )
    })
  }

  refuseUnknown(): void {
    const unknown = [...this.#values.keys()].find((key) => !this.#known.has(key))
    if (unknown === undefined) return
    const known = [...this.#known].filter((key) => key !== 'type')
    const near = suggest(unknown, known)
    const hint = near === undefined ? `there are ${known.join(', ') || 'none'}` : `did you mean ${near}?`
    throw refuse(`unknown attribute "${unknown}" of output type ${this.#type}: ${hint}`)
  }
}

async function folder(path: string | undefined, type: string): Promise<string> {
  if (path === undefined || path === '') throw refuse(`dest is required for ${type} exporter`)
  if (path === '-') throw refuse(`dest cannot be stdout for ${type} exporter`)
  const info = await stat(path).catch(() => undefined)
  if (info !== undefined && !info.isDirectory()) throw refuse(`destination directory ${path} is a file`)
  return path
}

async function sink(path: string, type: string, context: CommandContext): Promise<Destination> {
  if (path === '-') {
    if (context.io.stdout.isTTY)
      throw refuse(`dest file is required for ${type} exporter. refusing to write to console`)
    const destination: Destination = (write) => writeOutputFile('-', context, write)
    standardOutputs.add(destination)
    return destination
  }
  const info = await stat(path).catch(() => undefined)
  if (info?.isDirectory()) throw refuse(`destination file ${path} is a directory`)
  return (write) => writeOutputFile(path, context, write)
}
