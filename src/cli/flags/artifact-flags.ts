import type { ArtifactFile, ArtifactOptions } from '../../images/artifacts/artifacts.ts'
import { failure } from '../../util/errors.ts'
import type { CommandContext } from '../command.ts'
import { type Flag, type FlagValues, list, text } from './flag.ts'

export const artifactFlags: {
  readonly annotation: Flag<readonly string[]>
  readonly 'artifact-type': Flag<string | undefined>
} = {
  annotation: list('Say something about the artifact: key=value'),
  'artifact-type': text('What it is, as a media type'),
}

export function artifactOptions(
  flags: FlagValues<typeof artifactFlags>,
  { signal }: Pick<CommandContext, 'signal'>,
): ArtifactOptions {
  const artifactType = flags['artifact-type']
  if (artifactType !== undefined && !mediaType.test(artifactType)) {
    throw failure('CLI_FAILED', { reason: `invalid artifact type "${artifactType}": need type/subtype` })
  }
  return {
    signal,
    ...(artifactType !== undefined && { artifactType }),
    annotations: Object.fromEntries(flags.annotation.map(parsePair)),
  }
}

/** `key=value`. */
export function parsePair(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw failure('CLI_FAILED', { reason: `invalid annotation "${text}": need key=value` })
  return [text.slice(0, equals), text.slice(equals + 1)]
}

const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/

/** `FILE`, or `FILE:type/subtype`. */
export function parseFile(text: string): ArtifactFile {
  const colon = text.lastIndexOf(':')
  const type = text.slice(colon + 1)
  return colon > 0 && mediaType.test(type) ? { path: text.slice(0, colon), mediaType: type } : { path: text }
}
