import { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { isIndexType, isManifestType } from '../../oci/media-types.ts'
import type { Reference } from '../../oci/reference.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure, isMilleError, MilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { MirrorUse } from '../config/registry-rules.ts'
import type { FetchOptions, PushOptions, Repository } from '../repository.ts'

export interface MirrorRepository {
  /** As the rules name it, for messages. */
  readonly name: string
  readonly pull: MirrorUse
  readonly repository: Repository
  readonly isDown: () => boolean
}

export interface MirroredOptions {
  readonly reference: Pick<Reference, 'registry' | 'repository'>
  readonly mirrors: readonly MirrorRepository[]
  /** Throws REGISTRY_BLOCKED when only mirrors may be asked. */
  readonly upstream: () => Repository
  readonly onWarning?: ((text: string) => void) | undefined
}

interface Place {
  readonly name: string
  readonly open: () => Repository
}

/**
 * A repository that is read from mirrors first, in their order, then from its own registry (D07, B-PL-18). Each request
 * falls back by itself: a stale mirror that has the manifest and not the blob costs nothing but the question. Whatever a
 * mirror says is believed by digest only. Writing, and what must be the registry's own word, never goes to a mirror.
 */
export class MirroredRepository implements Repository {
  readonly reference: Pick<Reference, 'registry' | 'repository'>
  readonly #options: MirroredOptions
  /** Who has handed over all of a blob: when it is asked for once more, the bytes were wrong. */
  readonly #delivered = new Map<Digest, Set<string>>()
  readonly #told = new Set<string>()

  constructor(options: MirroredOptions) {
    this.reference = options.reference
    this.#options = options
  }

  async resolve(name: string, options: OpOptions = {}): Promise<Descriptor> {
    const use = isDigest(name) ? 'digest' : 'tag'
    return (await this.#first(this.#places(use), options, (from) => from.resolve(name, options))).result
  }

  async fetch(target: Descriptor, options: FetchOptions = {}): Promise<Readable> {
    const places = this.#places('digest')
    if (isIndexType(target.mediaType) || isManifestType(target.mediaType)) {
      return (await this.#first(places, options, (from) => from.fetch(target, options))).result
    }
    const wrong = (options.offset ?? 0) === 0 ? this.#delivered.get(target.digest) : undefined
    const others = places.filter(({ name }) => wrong?.has(name) !== true)
    const from = others.length > 0 ? others : places.slice(-1)
    const first = await this.#open(from, target, options, options.offset ?? 0)
    const body = Readable.from(this.#bytes(first, target, options), {
      objectMode: false,
      highWaterMark: 262_144,
    })
    if (options.offset !== undefined) return body
    return verifiedStream(body, target, { origin: this.reference.registry })
  }

  async exists(target: Descriptor, options?: OpOptions): Promise<boolean> {
    return this.#upstream().exists(target, options)
  }

  async blobSize(digest: Digest, options?: OpOptions): Promise<number | undefined> {
    return this.#upstream().blobSize(digest, options)
  }

  async push(expected: Descriptor, body: Readable, options?: PushOptions): Promise<void> {
    return this.#upstream().push(expected, body, options)
  }

  async mount(target: Descriptor, from: string, options?: OpOptions): Promise<boolean> {
    return this.#upstream().mount(target, from, options)
  }

  async tag(target: Descriptor, name: string, options?: OpOptions): Promise<void> {
    return this.#upstream().tag(target, name, options)
  }

  async *tags(options?: OpOptions): AsyncIterable<string> {
    yield* this.#upstream().tags(options)
  }

  async *referrers(
    subject: Digest,
    options: OpOptions & { readonly artifactType?: string } = {},
  ): AsyncIterable<Descriptor> {
    // new ones come at any time, as with tags
    const list = (from: Repository): Promise<Descriptor[]> =>
      Array.fromAsync(from.referrers(subject, options))
    let { result, left } = await this.#first(this.#places('tag'), options, list)
    // a mirror that keeps what was asked for may have the image and not what others say of it
    while (result.length === 0 && left.length > 0) {
      try {
        ;({ result, left } = await this.#first(left, options, list))
      } catch (error) {
        if (!isMilleError(error, 'REGISTRY_BLOCKED')) throw error
        return
      }
    }
    yield* result
  }

  async delete(target: Descriptor, options?: OpOptions): Promise<void> {
    return this.#upstream().delete(target, options)
  }

  #upstream(): Repository {
    return this.#options.upstream()
  }

  #places(use: 'digest' | 'tag'): readonly Place[] {
    const { mirrors, upstream, reference } = this.#options
    const usable = mirrors.filter(({ pull, isDown }) => (pull === 'all' || pull === use) && !isDown())
    return [
      ...usable.map(({ name, repository }) => ({ name: `mirror ${name}`, open: () => repository })),
      { name: reference.registry, open: upstream },
    ]
  }

  async #first<Result>(
    places: readonly Place[],
    { signal }: OpOptions,
    ask: (from: Repository) => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly place: Place; readonly left: readonly Place[] }> {
    const failed: string[] = []
    for (const [index, place] of places.entries()) {
      const left = places.slice(index + 1)
      try {
        return { result: await ask(place.open()), place, left }
      } catch (error) {
        signal?.throwIfAborted()
        if (left.length === 0 || !isMilleError(error)) throw withMirrors(error, failed)
        failed.push(`${place.name}: ${error.message}`)
        this.#tell(place, error)
      }
    }
    throw failure('INTERNAL', { reason: 'no place to ask' })
  }

  async #open(
    places: readonly Place[],
    target: Descriptor,
    options: FetchOptions,
    offset: number,
  ): Promise<Opened> {
    const { result, place, left } = await this.#first(places, options, (from) =>
      from.fetch(target, { ...options, offset }),
    )
    return { body: result, place, left }
  }

  /** Over as many places as it takes; each goes on where the one before it ended. */
  async *#bytes(first: Opened, target: Descriptor, options: FetchOptions): AsyncGenerator<Buffer> {
    let at = options.offset ?? 0
    for (let opened = first; ;) {
      try {
        for await (const chunk of opened.body as AsyncIterable<Buffer>) {
          at += chunk.length
          yield chunk
        }
        const by = this.#delivered.get(target.digest) ?? new Set()
        this.#delivered.set(target.digest, by.add(opened.place.name))
        return
      } catch (error) {
        options.signal?.throwIfAborted()
        if (opened.left.length === 0 || !isMilleError(error)) throw error
        this.#tell(opened.place, error)
        opened = await this.#open(opened.left, target, options, at)
      }
    }
  }

  /** What a mirror merely does not have is no news. */
  #tell({ name }: Place, error: MilleError): void {
    if (error.kind === 'not-found' || this.#told.has(name)) return
    this.#told.add(name)
    this.#options.onWarning?.(`${name} is passed over: ${error.message}`)
  }
}

interface Opened {
  readonly body: Readable
  readonly place: Place
  readonly left: readonly Place[]
}

/** The registry's own error counts; what its mirrors said belongs to it. */
function withMirrors(error: unknown, failed: readonly string[]): unknown {
  if (!isMilleError(error) || failed.length === 0) return error
  const { kind, code, message, details } = error
  return new MilleError(kind, code, `${message} (${failed.join('; ')})`, { cause: error, details })
}
