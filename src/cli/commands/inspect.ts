import { toContainerInspect } from '../../api/convert/container-inspect.ts'
import { toImageInspect } from '../../api/convert/image-inspect.ts'
import { toNetworkInspect } from '../../api/convert/network-inspect.ts'
import { toVolumeInspect } from '../../api/convert/volume-inspect.ts'
import type { Engine } from '../../engine/engine.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
  size: toggle('Display total file sizes if the type is container', { short: 's' }),
  type: text('Only inspect objects of the given type'),
}

interface Finder {
  readonly type: string
  find(name: string): Promise<unknown>
}

/** In Docker's order: a container's name wins over an image's, that over a network's, that over a volume's. */
function finders(engine: Engine, size: boolean): readonly Finder[] {
  return [
    {
      type: 'container',
      find: async (name) => toContainerInspect(await engine.containers.inspect(name, { size })),
    },
    { type: 'image', find: async (name) => toImageInspect(await engine.images.inspect(name)) },
    { type: 'network', find: async (name) => toNetworkInspect(await engine.networks.inspect(name)) },
    { type: 'volume', find: async (name) => toVolumeInspect(await engine.volumes.inspect(name)) },
  ]
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME|ID [NAME|ID...]'],
  summary: 'Return low-level information on objects',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const all = finders(await context.engine(), flags.size)
    const wanted = flags.type === undefined ? all : all.filter(({ type }) => type === flags.type)
    if (wanted.length === 0) {
      throw failure('CLI_FAILED', {
        reason: `unknown type: "${flags.type ?? ''}": must be one of ${all.map(({ type }) => `"${type}"`).join(', ')}`,
      })
    }
    return await inspectObjects(args, flags.format, context, (name) => findFirst(wanted, name))
  },
})

async function findFirst(finders: readonly Finder[], name: string): Promise<unknown> {
  for (const { find } of finders) {
    try {
      return await find(name)
    } catch (error) {
      const isOther =
        isMilleError(error, 'REFERENCE_INVALID') || (isMilleError(error) && error.kind === 'not-found')
      if (!isOther || finders.length === 1) throw error
    }
  }
  throw failure('CLI_FAILED', { reason: `Error: No such object: ${name}` })
}
