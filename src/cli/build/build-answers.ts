import type { BuildResult } from '../../builder/build.ts'
import type { CommandIo } from '../command.ts'
import { type Flag, optionalFile, toggle } from '../flags/flag.ts'
import type { FlagValues } from '../flags/flag.ts'
import { writeTextFile } from '../input/write-text-file.ts'

export type AnswerFlags = {
  readonly profile: Flag<string | undefined>
  readonly why: Flag<boolean>
}

/** Flags of `build` that ask what a build did. */
export const answerFlags: AnswerFlags = {
  profile: optionalFile('Show where the time went, or write it for a trace viewer', '.json'),
  why: toggle('List why each step was not cached'),
}

/** What was asked for; nothing is loaded for what was not. */
export async function writeAnswers(
  flags: FlagValues<AnswerFlags>,
  result: BuildResult,
  { stderr }: CommandIo,
): Promise<void> {
  if (flags.why) {
    const { numberedSteps, whyLines } = await import('../rows/why-lines.ts')
    stderr.write(whyLines(numberedSteps(result.steps)))
  }
  if (flags.profile === '') {
    const { profileLines } = await import('../rows/profile-lines.ts')
    stderr.write(profileLines(result))
  } else if (flags.profile !== undefined) {
    const { traceEvents } = await import('../format/trace-events.ts')
    await writeTextFile(flags.profile, `${JSON.stringify(traceEvents(result))}\n`)
  }
}
