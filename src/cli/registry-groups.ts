import type { AnyCommand } from './command.ts'
import type { CommandGroup } from './command-table.ts'

const loadArtifactAttach = async (): Promise<AnyCommand> =>
  (await import('./commands/artifact-attach.ts')).command
const loadArtifactDiscover = async (): Promise<AnyCommand> =>
  (await import('./commands/artifact-discover.ts')).command
const loadArtifactPull = async (): Promise<AnyCommand> =>
  (await import('./commands/artifact-pull.ts')).command
const loadArtifactPush = async (): Promise<AnyCommand> =>
  (await import('./commands/artifact-push.ts')).command
const loadManifestAdd = async (): Promise<AnyCommand> => (await import('./commands/manifest-add.ts')).command
const loadManifestAnnotate = async (): Promise<AnyCommand> =>
  (await import('./commands/manifest-annotate.ts')).command
const loadManifestCreate = async (): Promise<AnyCommand> =>
  (await import('./commands/manifest-create.ts')).command
const loadManifestInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/manifest-inspect.ts')).command
const loadManifestPush = async (): Promise<AnyCommand> =>
  (await import('./commands/manifest-push.ts')).command
const loadManifestRm = async (): Promise<AnyCommand> => (await import('./commands/manifest-rm.ts')).command

export const artifactGroup: CommandGroup = {
  summary: 'Keep files in registries, by themselves or about an image',
  members: {
    attach: { summary: 'Attach files to an image in its registry', load: loadArtifactAttach },
    discover: {
      summary: 'List what is attached to an image in its registry',
      load: loadArtifactDiscover,
    },
    pull: { summary: 'Download the files of an artifact from a registry', load: loadArtifactPull },
    push: { summary: 'Upload files to a registry as an artifact', load: loadArtifactPush },
  },
}

export const manifestGroup: CommandGroup = {
  summary: 'Manage Docker image manifests and manifest lists',
  members: {
    add: { summary: 'Add images to a local manifest list', load: loadManifestAdd },
    annotate: {
      summary: 'Add additional information to a local image manifest',
      load: loadManifestAnnotate,
    },
    create: {
      summary: 'Create a local manifest list for annotating and pushing to a registry',
      load: loadManifestCreate,
    },
    inspect: { summary: 'Display an image manifest, or manifest list', load: loadManifestInspect },
    push: { summary: 'Push a manifest list to a repository', load: loadManifestPush },
    rm: { summary: 'Delete one or more manifest lists from local storage', load: loadManifestRm },
  },
}
