import { loadProject, type ProjectOptions } from '../../compose/model/load-project.ts'
import type { Project } from '../../compose/model/project.ts'
import { fileReader } from '../../compose/model/read-file.ts'
import type { CommandContext } from '../command.ts'
import type { FlagValues } from '../flags/flag.ts'
import type { ComposeFlags } from './compose-flags.ts'

/** What was given between `compose` and its command. */
export function groupFlags(context: CommandContext): FlagValues<ComposeFlags> {
  // parsed by the table of the group
  return context.groupFlags as FlagValues<ComposeFlags>
}

/** The project that the flags of the group and the environment name. COMPOSE_*. */
export async function openProject(
  context: CommandContext,
  more: Pick<ProjectOptions, 'wanted' | 'isInterpolating'> = {},
): Promise<Project> {
  const flags = groupFlags(context)
  const told = new Set<string>()
  return await loadProject({
    files: flags.file,
    name: flags['project-name'],
    profiles: flags.profile,
    envFiles: flags['env-file'],
    folder: flags['project-directory'],
    keepsUnused: flags['all-resources'],
    currentFolder: process.cwd(),
    env: context.env,
    readFile: fileReader(context.io.stdin),
    warn(text) {
      // files are read twice: for the name of the project, and with it
      if (!told.has(text)) context.io.stderr.write(`WARN[0000] ${text}\n`)
      told.add(text)
    },
    ...more,
  })
}
