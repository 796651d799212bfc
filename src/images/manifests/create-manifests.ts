import { parseReference } from '../../oci/reference.ts'
import type { Store } from '../../store/store.ts'
import type { OpenRepository } from '../repositories.ts'
import type { ApplyChanges } from './edit.ts'
import type { Manifests } from './manifests.ts'

/** Manifests over a registry client and a store; each part is loaded when it is asked for. */
export function createManifests(store: Store, open: OpenRepository, applyChanges: ApplyChanges): Manifests {
  const drafts = async (): ReturnType<typeof loadDrafts> => loadDrafts(store, open)
  return {
    inspect: async (name, options) =>
      (await import('./remote-image.ts')).readRemoteImage(open, name, options),
    edit: async (name, request, options) =>
      (await import('./edit.ts')).editRemoteImage(open, applyChanges, name, request, options),
    async *tags(name, options) {
      yield* (await open(parseReference(name))).tags(options)
    },
    combine: async (request, options) =>
      (await import('./combine.ts')).combineSources(open, request, options),
    publish: async (combined, targets, options) =>
      (await import('./publish.ts')).publishCombined(open, combined, targets, options),
    create: async (name, sources, options) => (await drafts()).create(name, sources, options),
    annotate: async (name, entry, options) => (await drafts()).annotate(name, entry, options),
    add: async (name, sources, options) => (await drafts()).add(name, sources, options),
    findDraft: async (name) => (await drafts()).findDraft(name),
    push: async (name, options) => (await drafts()).push(name, options),
    removeDraft: async (name) => (await drafts()).removeDraft(name),
  }
}

async function loadDrafts(
  store: Store,
  open: OpenRepository,
): Promise<Pick<Manifests, 'create' | 'add' | 'annotate' | 'findDraft' | 'push' | 'removeDraft'>> {
  return (await import('./drafts.ts')).createDrafts(store, open)
}
