import { parseVolume } from '../../../containers/volume/parse-volume.ts'
import { createOneOff } from '../../../compose/run/one-off.ts'
import type { Project } from '../../../compose/model/project.ts'
import { selectServices, withDependencies } from '../../../compose/model/select-services.ts'
import { ensureImages } from '../../../compose/run/images.ts'
import { startedDependencies } from '../../../compose/run/up.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../../command.ts'
import { proxySignals } from '../../container/proxy-signals.ts'
import { streamContainer } from '../../container/stream-container.ts'
import { type FlagValues, list, parsed, text, toggle } from '../../flags/flag.ts'
import { labels, variables } from '../../flags/pair-lists.ts'
import { fromHere } from '../../input/from-here.ts'
import { parsePort } from '../../input/parse-port.ts'
import { resolveVariables, toRecord } from '../../input/read-variables.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'
import { splitWords } from '../../../compose/model/split-words.ts'
import { parsePull } from '../up-flags.ts'

const flags = {
  build: toggle('Build image before starting container'),
  'cap-add': list('Add Linux capabilities'),
  'cap-drop': list('Drop Linux capabilities'),
  detach: toggle('Run container in background and print container ID', { short: 'd' }),
  entrypoint: text('Override the entrypoint of the image'),
  env: variables('Set environment variables'),
  interactive: toggle('Keep STDIN open even if not attached', { short: 'i', initial: true }),
  label: labels('Add or override a label', { short: 'l' }),
  name: text('Assign a name to the container'),
  'no-deps': toggle("Don't start linked services"),
  'no-tty': toggle('Disable pseudo-TTY allocation (default: auto-detected)', { short: 'T' }),
  publish: list("Publish a container's port(s) to the host", { short: 'p' }),
  pull: parsed('Pull image before running ("always"|"missing"|"never")', parsePull),
  quiet: toggle("Don't print anything to STDOUT", { short: 'q' }),
  'quiet-build': toggle('Suppress progress output from the build process'),
  'quiet-pull': toggle('Accepted for compatibility: pulling prints little', { hidden: true }),
  'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
  rm: toggle('Automatically remove the container when it exits'),
  'service-ports': toggle("Run command with all service's ports enabled and mapped to the host", {
    short: 'P',
  }),
  'use-aliases': toggle("Use the service's network useAliases in the network(s) the container connects to"),
  user: text('Run as specified username or uid', { short: 'u' }),
  volume: list('Bind mount a volume', { short: 'v' }),
  workdir: text('Working directory inside the container', { short: 'w' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SERVICE [COMMAND] [ARGS...]'],
  summary: 'Run a one-off command on a service',
  arguments: [1, Infinity],
  flags,
  stopAtArgument: true,
  async run({ flags, args: [name = '', ...command] }, context) {
    const project = await chooseProject(context, [name], { dependencies: true })
    const parts = await composeParts(context, { quiet: flags.quiet, quietBuild: flags['quiet-build'] })
    const others = selectServices(
      project,
      withDependencies(project, [name]).filter((other) => other !== name),
    )
    await startedDependencies(parts, project, flags['no-deps'] ? { ...others, services: {} } : others, name, {
      removesOrphans: flags['remove-orphans'],
    })
    const images = await ensureImages(parts, selectServices(project, [name]), {
      pull: flags.pull,
      build: flags.build,
    })
    return await runOnce({ flags, name, command, project, imageId: images.get(name) ?? '' }, parts, context)
  },
})

interface Once {
  readonly flags: FlagValues<typeof flags>
  readonly name: string
  readonly command: readonly string[]
  readonly project: Project
  readonly imageId: string
}

async function runOnce(
  { flags, name, command, project, imageId }: Once,
  parts: Awaited<ReturnType<typeof composeParts>>,
  context: CommandContext,
): Promise<number> {
  const { containers } = parts.engine
  const isTerminal = context.io.stdin.isTTY === true && context.io.stdout.isTTY === true
  const tty = !flags['no-tty'] && isTerminal && !flags.detach
  const stdin = flags.interactive && !flags.detach
  const entrypoint =
    flags.entrypoint === undefined ? undefined : (splitWords(flags.entrypoint) ?? [flags.entrypoint])
  const id = await createOneOff(parts, project, name, {
    ...(command.length > 0 && { command }),
    ...(entrypoint !== undefined && { entrypoint }),
    env: resolveVariables(flags.env, context.env),
    labels: toRecord(flags.label),
    mounts: flags.volume.map((spec) => parseVolume(fromHere(spec))),
    ports: flags.publish.flatMap(parsePort),
    servicePorts: flags['service-ports'],
    useAliases: flags['use-aliases'],
    name: flags.name,
    user: flags.user,
    workingDir: flags.workdir,
    capAdd: flags['cap-add'],
    capDrop: flags['cap-drop'],
    tty,
    stdin,
    autoRemove: flags.rm,
    imageId,
  })
  if (flags.detach) {
    await containers.start(id)
    context.io.stdout.write(`${(await containers.inspect(id)).name}\n`)
    return 0
  }
  await using attachment = await containers.attach(id, { stdin })
  const waiting = new AbortController()
  const condition = flags.rm ? 'removed' : 'next-exit'
  // asked for before the start, so that no exit is missed
  const exited = containers.wait(id, { condition, signal: waiting.signal })
  exited.catch(() => undefined)
  try {
    await containers.start(id)
    using _signals = tty ? undefined : proxySignals(context.signals, containers, id)
    const end = await streamContainer(attachment, context.io, {
      tty,
      stdin,
      detachKeys: undefined,
      signal: context.signal,
    })
    return end === 'detached' ? 0 : await exited
  } finally {
    waiting.abort()
  }
}
