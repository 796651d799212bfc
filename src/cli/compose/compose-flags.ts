import { type Flag, integer, list, parsed, text, toggle } from '../flags/flag.ts'

/** The table of `composeFlags`. */
export type ComposeFlags = {
  readonly 'all-resources': Flag<boolean>
  readonly ansi: Flag<string | undefined>
  readonly 'env-file': Flag<readonly string[]>
  readonly file: Flag<readonly string[]>
  readonly parallel: Flag<number | undefined>
  readonly profile: Flag<readonly string[]>
  readonly progress: Flag<string | undefined>
  readonly 'project-directory': Flag<string | undefined>
  readonly 'project-name': Flag<string | undefined>
}

function parseProgress(word: string): string {
  if (['auto', 'plain', 'quiet'].includes(word)) return word
  throw new Error('must be one of auto, plain, quiet')
}

/** Flags between `compose` and its command. */
export const composeFlags: ComposeFlags = {
  'all-resources': toggle('Include all resources, even those not used by services'),
  ansi: text('Accepted for compatibility', { hidden: true }),
  'env-file': list('Specify an alternate environment file'),
  file: list('Compose configuration files', { short: 'f' }),
  parallel: integer('Accepted for compatibility', { hidden: true }),
  profile: list('Specify a profile to enable'),
  progress: parsed('Set type of progress output (auto, plain, quiet)', parseProgress),
  'project-directory': text(
    'Specify an alternate working directory (default: the path of the first compose file)',
  ),
  'project-name': text('Project name', { short: 'p' }),
}
