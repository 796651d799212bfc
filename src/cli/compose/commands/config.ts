import { renderJson, renderYaml } from '../../../compose/model/render.ts'
import { selectServices, withDependencies } from '../../../compose/model/select-services.ts'
import type { Project } from '../../../compose/model/project.ts'
import { configHash } from '../../../compose/config-hash.ts'
import { imageName } from '../../../compose/names.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { parsed, text, toggle } from '../../flags/flag.ts'
import { writeTextFile } from '../../input/write-text-file.ts'
import { openProject } from '../open-project.ts'

function parseFormat(word: string): 'yaml' | 'json' {
  if (word !== 'yaml' && word !== 'json') throw new Error('must be yaml or json')
  return word
}

const flags = {
  environment: toggle('Print environment used for interpolation.'),
  format: parsed('Format the output. Values: [yaml | json]', parseFormat),
  hash: text('Print the service config hash, one per line.'),
  images: toggle('Print the image names, one per line.'),
  networks: toggle('Print the network names, one per line.'),
  'no-interpolate': toggle("Don't interpolate environment variables"),
  output: text('Save to file (default to stdout)', { short: 'o' }),
  profiles: toggle('Print the profile names, one per line.'),
  quiet: toggle("Only validate the configuration, don't print anything", { short: 'q' }),
  services: toggle('Print the service names, one per line.'),
  volumes: toggle('Print the volume names, one per line.'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Parse, resolve and render compose file in canonical format',
  arguments: [0, Infinity],
  flags,
  isStoreless: true,
  async run({ flags, args }, context) {
    const isInterpolating = !flags['no-interpolate']
    const all = await openProject(context, { wanted: args, isInterpolating })
    const project = args.length === 0 ? all : selectServices(all, withDependencies(all, args))
    if (flags.quiet) return 0
    const text = listing(flags, project) ?? rendered(flags.format, project, isInterpolating)
    if (flags.output === undefined) context.io.stdout.write(text)
    else await writeTextFile(flags.output, text)
    return 0
  },
})

function rendered(format: 'yaml' | 'json' | undefined, project: Project, escapes: boolean): string {
  return format === 'json' ? renderJson(project, { escapes }) : renderYaml(project, { escapes })
}

type Wanted = Readonly<
  Record<'environment' | 'images' | 'networks' | 'profiles' | 'services' | 'volumes', boolean>
> & { readonly hash: string | undefined }

/** One of the lists that can be asked for in place of the file. */
function listing(wanted: Wanted, project: Project): string | undefined {
  const lines = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('')
  const services = Object.entries(project.services)
  if (wanted.services) return lines(services.map(([name]) => name))
  if (wanted.volumes) return lines(Object.keys(project.volumes).sort())
  if (wanted.networks) return lines(Object.keys(project.networks).sort())
  if (wanted.images) return lines(services.map(([name, service]) => imageName(project, name, service)))
  if (wanted.profiles) {
    const all = [...services, ...Object.entries(project.disabled)]
    return lines([...new Set(all.flatMap(([, { profiles = [] }]) => profiles))].sort())
  }
  if (wanted.environment)
    return lines(
      Object.entries(project.environment)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    )
  if (wanted.hash === undefined) return undefined
  const names = wanted.hash === '*' ? services.map(([name]) => name) : wanted.hash.split(',')
  return lines(
    names.map((name) => `${name} ${configHash(selectServices(project, [name]).services[name] ?? {})}`),
  )
}
