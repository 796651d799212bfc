import { dirname, resolve } from 'node:path'
import { failure } from '../../util/errors.ts'
import { projectEnvironment } from './environment.ts'
import { findFiles, projectNameOf } from './find-files.ts'
import { finishProject } from './finish-project.ts'
import { createLoader } from './load-files.ts'
import { readProjectName } from './project-name.ts'
import type { Project } from './project.ts'
import type { ReadFile } from './read-file.ts'

export interface ProjectOptions {
  /** Default: those of COMPOSE_FILE, else the nearest compose file at or above the current folder. `-`: the input. */
  readonly files: readonly string[]
  readonly name?: string | undefined
  readonly profiles: readonly string[]
  readonly envFiles: readonly string[]
  /** Default: the folder of the first file. */
  readonly folder?: string | undefined
  readonly currentFolder: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: ReadFile
  /** Services that are wanted whatever their profiles. */
  readonly wanted?: readonly string[]
  readonly isInterpolating?: boolean
  /** Also networks, volumes, … that no service uses. */
  readonly keepsUnused?: boolean
  readonly warn: (text: string) => void
}

/**
 * The project that compose files describe: loaded, interpolated, extended, included, merged, validated. Errors: COMPOSE_*.
 * Source: the compose specification.
 */
export async function loadProject(options: ProjectOptions): Promise<Project> {
  const { currentFolder, readFile, warn } = options
  // a file named by the environment may be in an env file only
  const first = await projectEnvironment(
    options.env,
    options.envFiles,
    options.folder ?? currentFolder,
    readFile,
  )
  const files = projectFiles(options, first).map((path) =>
    path === '-' ? path : resolve(currentFolder, path),
  )
  const [main = '-'] = files
  const folder = resolve(currentFolder, options.folder ?? (main === '-' ? currentFolder : dirname(main)))
  const environment = await projectEnvironment(options.env, options.envFiles, folder, readFile)
  const given = options.name ?? environment['COMPOSE_PROJECT_NAME']
  const named = given === undefined || given === '' ? undefined : checkName(given)
  const known = { ...environment, ...(named !== undefined && { COMPOSE_PROJECT_NAME: named }) }
  const isInterpolating = options.isInterpolating ?? true
  // the name of the project may be in its file, and is itself a variable there
  const name =
    named ??
    (await nameInFiles(files, folder, { ...options, environment: known })) ??
    checkName(projectNameOf(folder))
  const withName = { ...environment, COMPOSE_PROJECT_NAME: name }
  const merged = await createLoader({ environment: withName, isInterpolating, readFile, warn }).load(
    files,
    folder,
  )
  const profiles = options.profiles.length > 0 ? options.profiles : list(environment['COMPOSE_PROFILES'], ',')
  return await finishProject({ ...merged, name, folder, files, environment: withName, profiles }, options)
}

function projectFiles(
  { files, currentFolder, folder }: ProjectOptions,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  if (files.length > 0) return files
  const named = list(environment['COMPOSE_FILE'], environment['COMPOSE_PATH_SEPARATOR'] ?? ':')
  return named.length > 0 ? named : findFiles(folder ?? currentFolder)
}

function list(value: string | undefined, separator: string): readonly string[] {
  return (value ?? '').split(separator).filter((part) => part !== '')
}

async function nameInFiles(
  files: readonly string[],
  folder: string,
  options: ProjectOptions & { readonly environment: Readonly<Record<string, string>> },
): Promise<string | undefined> {
  let name: string | undefined
  for (const file of files) name = (await readProjectName(file, folder, options)) ?? name
  return name === undefined ? undefined : checkName(name)
}

function checkName(name: string): string {
  if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return name
  throw failure('COMPOSE_FAILED', {
    reason: `invalid project name "${name}": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
  })
}
