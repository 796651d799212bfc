import type { Platform } from '../../oci/platform.ts'
import { type Flag, list, parsed, text, toggle } from '../flags/flag.ts'
import { platformsFlag } from '../flags/platform-flag.ts'
import { parseSize } from '../format/units.ts'
import { type ProgressKind, progressKinds } from '../progress/build-progress.ts'
import { type AttestationFlags, attestationFlags } from './build-attestations.ts'
import { type CacheFlags, cacheFlags } from './build-caches.ts'
import { type OutputFlags, outputFlags } from './build-outputs.ts'
import { type RunStepFlags, runStepFlags } from './run-step-flags.ts'

/** The table of `imageFlags`. */
export type ImageFlags = RunStepFlags &
  OutputFlags &
  AttestationFlags &
  CacheFlags & {
    readonly 'build-arg': Flag<readonly string[]>
    readonly 'build-context': Flag<readonly string[]>
    readonly file: Flag<string | undefined>
    readonly 'force-rm': Flag<boolean>
    readonly isolation: Flag<string | undefined>
    readonly label: Flag<readonly string[]>
    readonly locked: Flag<boolean>
    readonly 'max-size': Flag<number | undefined>
    readonly network: Flag<string | undefined>
    readonly 'no-cache': Flag<boolean>
    readonly offline: Flag<boolean>
    readonly platform: Flag<readonly Platform[]>
    readonly progress: Flag<ProgressKind | undefined>
    readonly pull: Flag<boolean>
    readonly tag: Flag<readonly string[]>
    readonly target: Flag<string | undefined>
    readonly timestamps: Flag<string | undefined>
    readonly unset: Flag<readonly string[]>
  }

/** The flags of `build` that describe the image, and how its making is shown. */
export const imageFlags: ImageFlags = {
  ...runStepFlags,
  ...outputFlags,
  ...attestationFlags,
  ...cacheFlags,
  'build-arg': list('Set build-time variables'),
  'build-context': list('Additional build contexts (e.g., name=path)'),
  file: text('Name of the Dockerfile (default: "PATH/Dockerfile")', { short: 'f' }),
  'force-rm': toggle('Keep no files of a step that fails'),
  isolation: text('Container isolation technology of "RUN" instructions ("auto", "oci", "chroot")'),
  label: list('Set metadata for an image'),
  locked: toggle('Take exactly what the lock file beside the Dockerfile says'),
  'max-size': parsed('Fail when the image gets larger, and say what made it so', parseSize, {
    type: 'bytes',
  }),
  network: text('Set the networking mode for the "RUN" instructions during build (default "default")'),
  'no-cache': toggle('Do not use cache when building the image'),
  offline: toggle('Fetch nothing: take base images, sources and results that are here, or fail'),
  platform: platformsFlag('Set target platforms for build'),
  progress: parsed('Set type of progress output ("auto", "plain", "tty", "rawjson", "quiet")', parseProgress),
  pull: toggle('Always attempt to pull all referenced images'),
  tag: list('Name and optionally a tag (format: "name:tag")', { short: 't' }),
  target: text('Set the target build stage to build'),
  timestamps: text('File times in new layers: constant (default) or preserve'),
  unset: list('Take a setting out of the image (e.g., volume=/data, env=NAME, entrypoint)'),
}

function parseProgress(word: string): ProgressKind {
  const kind = progressKinds.find((known) => known === word)
  if (kind === undefined) throw new Error(`must be one of ${progressKinds.join(', ')}`)
  return kind
}

export function defaultProgress(env: Readonly<Record<string, string | undefined>>): ProgressKind {
  return progressKinds.find((kind) => kind === env['BUILDKIT_PROGRESS']) ?? 'auto'
}
