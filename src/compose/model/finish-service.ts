import { isMilleError } from '../../util/errors.ts'
import { parseDotenv, parseRawEnv } from './dotenv.ts'
import type { Project } from './project.ts'
import type { ReadFile } from './read-file.ts'
import { failure } from '../../util/errors.ts'
import type { Dependency, EnvFile, Environment, Labels, Service } from './service.ts'

type Surroundings = Pick<Project, 'environment' | 'folder' | 'secrets'>

/** The service with its defaults, and what its files say. Without `readFile` those are left aside. */
export async function finishService(
  service: Service,
  { environment, folder }: Surroundings,
  readFile: ReadFile | undefined,
): Promise<Service> {
  const { env_file = [], label_file = [], ...rest } = service
  const fromFiles = readFile === undefined ? {} : await readEnvironment(env_file, environment, readFile)
  const labels = readFile === undefined ? {} : await readLabels(label_file, readFile)
  const own = resolveVariables(rest.environment ?? {}, environment)
  const variables = { ...fromFiles, ...own }
  const allLabels = { ...labels, ...rest.labels }
  const dependencies = { ...impliedDependencies(service), ...rest.depends_on }
  const needsNetwork = rest.network_mode === undefined && Object.keys(rest.networks ?? {}).length === 0
  return {
    ...rest,
    ...(rest.build !== undefined && { build: finishBuild(rest.build, folder, environment) }),
    ...(Object.keys(variables).length > 0 && { environment: variables }),
    ...(Object.keys(allLabels).length > 0 && { labels: allLabels }),
    ...(Object.keys(dependencies).length > 0 && { depends_on: dependencies }),
    ...(needsNetwork && rest.provider === undefined && { networks: { default: null } }),
    ...(rest.pull_policy === 'if_not_present' && { pull_policy: 'missing' }),
    ...(rest.secrets !== undefined && {
      secrets: rest.secrets.map((secret) => ({
        ...secret,
        target: secret.target ?? `/run/secrets/${secret.source}`,
      })),
    }),
  }
}

function finishBuild(
  build: NonNullable<Service['build']>,
  folder: string,
  environment: Readonly<Record<string, string>>,
): NonNullable<Service['build']> {
  const { context = folder, dockerfile, dockerfile_inline, args, ...rest } = build
  const given = Object.entries(resolveVariables(args ?? {}, environment)).filter(
    ([, value]) => value !== null,
  )
  return {
    context,
    // filled in by a variable that is empty: as if it were not there
    ...(dockerfile !== undefined && dockerfile !== '' && { dockerfile }),
    ...(dockerfile === undefined && dockerfile_inline === undefined && { dockerfile: 'Dockerfile' }),
    ...(dockerfile_inline !== undefined && { dockerfile_inline }),
    ...rest,
    ...(given.length > 0 && { args: Object.fromEntries(given) }),
  }
}

/** A name without a value has that of the project's environment. */
function resolveVariables(
  variables: Environment,
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      value ?? (Object.hasOwn(environment, name) ? (environment[name] ?? null) : null),
    ]),
  )
}

async function readEnvironment(
  files: readonly EnvFile[],
  environment: Readonly<Record<string, string>>,
  readFile: ReadFile,
): Promise<Environment> {
  const values: Record<string, string | null> = {}
  for (const { path, required = true, format } of files) {
    let text: string
    try {
      text = await readFile(path)
    } catch (error) {
      if (!isMilleError(error, 'COMPOSE_FILE_UNREADABLE')) throw error
      if (!required) continue
      throw failure(
        'COMPOSE_FILE_UNREADABLE',
        { path: `env file ${path}`, reason: String(error.details['reason']) },
        { cause: error },
      )
    }
    const known = (name: string): string | undefined =>
      Object.hasOwn(environment, name) ? environment[name] : (values[name] ?? undefined)
    const found = format === 'raw' ? parseRawEnv(text) : parseDotenv(text, { file: path, lookup: known })
    for (const [name, value] of found) {
      const resolved = value ?? environment[name]
      if (resolved !== undefined) values[name] = resolved
    }
  }
  return values
}

async function readLabels(files: readonly string[], readFile: ReadFile): Promise<Labels> {
  const labels: Record<string, string> = {}
  for (const file of files) {
    for (const [name, value] of parseDotenv(await readFile(file), { file, lookup: () => undefined }))
      labels[name] = value ?? ''
  }
  return labels
}

const started: Dependency = { condition: 'service_started', required: true }

/** What a service needs because it shares something with another one. */
function impliedDependencies(service: Service): Readonly<Record<string, Dependency>> {
  const { links = [], volumes_from = [], network_mode, ipc, pid, uts, cgroup } = service
  const mounted = volumes_from.filter((from) => !from.startsWith('container:'))
  const shared = [network_mode, ipc, pid, uts, cgroup].flatMap((mode) =>
    mode?.startsWith('service:') === true ? [mode.slice('service:'.length)] : [],
  )
  const names = (entries: readonly string[]): string[] => entries.map((entry) => entry.split(':')[0] ?? '')
  return Object.fromEntries([
    ...names(mounted).map((name) => [name, started] as const),
    // who is bound to the other one's namespaces must begin anew with it
    ...[...names(links), ...shared].map((name) => [name, { ...started, restart: true }] as const),
  ])
}
