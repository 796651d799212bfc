import type { Digest } from '../oci/digest.ts'
import { findImage } from '../store/find-image.ts'
import type { Store } from '../store/store.ts'
import type { Images, LoadedImage, RemovalLine } from './images.ts'
import { familiarName, findImagesToSave } from './names.ts'

/** The same images, each change told to the store's events once it is made. */
export function tellingImages(store: Store, images: Images): Images {
  const tell = (action: string, id: string, name: string): void => tellImage(store, action, id, name)
  const idOf = (name: string): Digest | undefined => findImage(store.images, name)?.record.id
  return {
    ...images,
    async tag(source, target) {
      await images.tag(source, target)
      tell('tag', idOf(target) ?? '', target)
    },
    async remove(nameOrId, options) {
      const id = idOf(nameOrId)
      const lines = await images.remove(nameOrId, options)
      tellRemoval(store, lines, id)
      return lines
    },
    async prune(options) {
      const report = await images.prune(options)
      tellRemoval(store, report.removed, undefined)
      const attributes = { reclaimed: String(report.reclaimed) }
      store.events.append({ type: 'image', action: 'prune', id: '', attributes })
      return report
    },
    async pull(name, options) {
      const results = await images.pull(name, options)
      for (const result of results) tellReference(store, 'pull', result.name)
      return results
    },
    async push(name, options) {
      const results = await images.push(name, options)
      const repository = name.replace(/:[^:/]+$/, '')
      for (const { tag } of results) tellReference(store, 'push', `${repository}:${tag}`)
      return results
    },
    async save(names, sink, options) {
      const saved = names.flatMap((name) => findImagesToSave(store.images, name))
      await images.save(names, sink, options)
      for (const { record } of saved) tell('save', record.id, record.id)
    },
    async load(source, options) {
      const loaded = await images.load(source, options)
      for (const image of loaded) tellLoaded(store, image)
      return loaded
    },
    async import(source, options) {
      const id = await images.import(source, options)
      tell('import', id, options.reference ?? '')
      return id
    },
    async squash(nameOrId, options) {
      const id = await images.squash(nameOrId, options)
      for (const name of options?.names ?? []) tell('tag', id, name)
      return id
    },
  }
}

/** A finished build, and the names it gave. */
export function tellBuilt(
  store: Store,
  { id, names }: { readonly id: Digest; readonly names: readonly string[] },
): void {
  const familiar = names.map(familiarText)
  tellImage(store, 'build', id, familiar[0] ?? id)
  for (const name of familiar) tellImage(store, 'tag', id, name)
}

function tellImage({ events, images }: Store, action: string, id: string, name: string): void {
  const labels = images.get(id as Digest)?.config.config?.Labels
  events.append({ type: 'image', action, id, attributes: { ...labels, name } })
}

/** What is about a repository has the reference for an ID, and its name without the tag. */
function tellReference({ events }: Store, action: string, name: string): void {
  const id = familiarText(name)
  const attributes = { name: id.replace(/(@.*|:[^:/]+)$/, '') }
  events.append({ type: 'image', action, id, attributes })
}

function familiarText(name: string): string {
  return /^[^/]+\.[^/]+\//.test(name) ? familiarName(name) : name
}

function tellLoaded(store: Store, image: LoadedImage): void {
  if ('id' in image) tellImage(store, 'load', image.id, image.id)
  else tellImage(store, 'load', findImage(store.images, image.name)?.record.id ?? '', image.name)
}

/** Names go before their image, so what is untagged belongs to the next image that is deleted, else to `id`. */
function tellRemoval(store: Store, lines: readonly RemovalLine[], id: Digest | undefined): void {
  for (const [index, line] of lines.entries()) {
    if ('deleted' in line) tellImage(store, 'delete', line.deleted, line.deleted)
    else {
      const deleted = lines.slice(index).find((later) => 'deleted' in later)
      tellImage(store, 'untag', id ?? deleted?.deleted ?? '', line.untagged)
    }
  }
}
