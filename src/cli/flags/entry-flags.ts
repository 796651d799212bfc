import type { AnnotateOptions } from '../../images/manifests/manifests.ts'
import { type Flag, type FlagValues, flatList, text } from './flag.ts'

/** What may be said about the platform of an entry of a manifest list. */
export const entryFlags: {
  readonly arch: Flag<string | undefined>
  readonly os: Flag<string | undefined>
  readonly 'os-features': Flag<readonly string[]>
  readonly 'os-version': Flag<string | undefined>
  readonly variant: Flag<string | undefined>
} = {
  arch: text('Set architecture'),
  os: text('Set operating system'),
  'os-features': flatList('Set operating system feature', (value) => value.split(',')),
  'os-version': text('Set operating system version'),
  variant: text('Set architecture variant'),
}

export function entryPlatform(flags: FlagValues<typeof entryFlags>): AnnotateOptions {
  return {
    ...(flags.arch !== undefined && { architecture: flags.arch }),
    ...(flags.os !== undefined && { os: flags.os }),
    ...(flags.variant !== undefined && { variant: flags.variant }),
    ...(flags['os-version'] !== undefined && { 'os.version': flags['os-version'] }),
    ...(flags['os-features'].length > 0 && { 'os.features': flags['os-features'] }),
  }
}
