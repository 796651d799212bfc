import { createReadStream, createWriteStream, rmSync } from 'node:fs'
import { link, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainForm } from '../../oci/image-form.ts'
import { diffIdAsDigest } from '../../oci/digest.ts'
import type { Lease, Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import type { BuildContext, BuildEvent, BuildRequest, BuildResult } from '../build.ts'
import { removeBuildFolder } from '../build-leftovers.ts'
import type { BuilderParts, BuildOptions, BuiltImages, OpenElsewhere } from '../builder-parts.ts'
import { formOf } from '../export/export-build.ts'
import { imageOutput, type ImageOutput } from '../export/output.ts'
import { type BuiltOn, findDifference, textDifference } from './find-difference.ts'
import { otherMachine } from './other-machine.ts'
import type { ReproReport } from './repro-report.ts'

type Build = (parts: BuilderParts, request: BuildRequest, options: BuildOptions) => Promise<BuildResult>

/** Which of the two. */
export type ReproBuild = 'first' | 'second'

export interface ReproOptions {
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: (event: BuildEvent, build: ReproBuild) => void
}

/** The coarsest clock that files keep: ZIP's, milliseconds. */
const clockTick = 2000

/**
 * Builds twice without the cache, the second time at another time and as on another machine, and names the first byte
 * that differs. Nothing is exported. Errors: those of a build.
 */
export async function checkRepro(
  build: Build,
  parts: BuilderParts & { readonly openElsewhere: OpenElsewhere },
  request: BuildRequest,
  { signal, onEvent }: ReproOptions,
): Promise<ReproReport> {
  const { store } = parts
  await using lease = await store.lease('repro')
  using context = await repeatable(store, request.context)
  const buildOnce = async (
    which: ReproBuild,
    on: BuilderParts,
    output: ImageOutput,
    options: BuildOptions,
  ): Promise<Built> => {
    let images: BuiltImages | undefined
    const wish = { ...request, ...traceless, context: context.open(), outputs: [output] }
    const result = await build(on, wish, {
      ...options,
      ...(signal && { signal }),
      onEvent: (event) => onEvent?.(event, which),
      onBuilt: (built) => {
        if (on === parts) hold(lease, built)
        images = built
      },
    })
    if (images === undefined) throw new Error('a build ended without its images')
    return { result, images, layers: on.store.layers }
  }
  const output = outputOf(request)
  const first = await buildOnce('first', parts, output, {})
  await nextTick(signal)
  // found there by whoever builds next, should this process be killed
  const name = `repro-${lease.id}`
  await using _alive = await store.lock(name)
  const folder = await store.folder('builds', name)
  try {
    await using elsewhere = await parts.openElsewhere(folder)
    if (request.offline === true) await bringSources(store, elsewhere.store)
    // in which form layers leave is no question of the machine, and the base has its own only here
    const plain = { ...output, form: plainForm }
    return await compare(first, await buildOnce('second', elsewhere, plain, { machine: otherMachine }))
  } finally {
    await removeBuildFolder(folder)
  }
}

interface Built extends BuiltOn {
  readonly result: BuildResult
}

async function compare(first: Built, second: Built): Promise<ReproReport> {
  const ids = { id: first.result.id, second: second.result.id }
  const found = await findDifference(first, second)
  if (found.difference !== undefined) return { ...ids, ...found }
  const [one, other] = [configOf(first.result), configOf(second.result)]
  if (one === undefined || one === other) return ids
  // the steps led to the same, but squashing them did not
  return { ...ids, difference: { part: 'squashed', ...textDifference({ first: one, second: other }) } }
}

/** The config that was written; of an index there are several. */
function configOf({ metadata }: BuildResult): string | undefined {
  const digest = metadata['containerimage.config.digest']
  return typeof digest === 'string' ? digest : undefined
}

/** Nothing is looked up, and nothing leaves: no name, no file, no registry. */
const traceless: Partial<BuildRequest> = {
  names: [],
  noCache: true,
  cacheFrom: [],
  cacheTo: [],
  forgetFailures: true,
}

/** An image of the form that was asked for. */
function outputOf({ outputs = [] }: BuildRequest): ImageOutput {
  const formed = outputs.find((output) => output.kind === 'image' || output.kind === 'archive') ?? imageOutput
  return { ...imageOutput, form: formOf(formed), squash: formed.squash, store: false }
}

function hold(lease: Lease, { results }: BuiltImages): void {
  for (const { added } of results.values())
    if (added !== undefined) lease.hold({ kind: 'blob', digest: diffIdAsDigest(added) })
}

/** Who must not ask takes what was fetched before. The files are shared: they are replaced, never written again. */
async function bringSources(from: Store, to: Store): Promise<void> {
  const [source, target] = [await from.folder('sources'), await to.folder('sources')]
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const place = join(target, relative(source, path))
    await mkdir(entry.isDirectory() ? place : dirname(place), { recursive: true })
    if (entry.isFile()) await link(path, place)
  }
}

/** So that no step of the second build can see a time that one of the first has seen. */
async function nextTick(signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(clockTick - (Date.now() % clockTick) + 1, undefined, { ...(signal && { signal }) })
  } catch (cause) {
    throw failure('CANCELED', {}, { cause })
  }
}

/** A context that can be read twice: standard input is kept in a file meanwhile. */
async function repeatable(
  store: Store,
  context: BuildContext,
): Promise<Disposable & { readonly open: () => BuildContext }> {
  if (context.kind !== 'stream') return { open: () => context, [Symbol.dispose]: () => undefined }
  const path = store.content.temporaryPath()
  await pipeline(context.stream, createWriteStream(path, { mode: 0o600 }))
  return {
    open: () => ({ kind: 'stream', stream: createReadStream(path) }),
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  }
}
