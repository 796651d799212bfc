import { readFile } from 'node:fs/promises'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { isManifestType } from '../../oci/media-types.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { flatList, list, text, toggle } from '../flags/flag.ts'
import { platformsFlag } from '../flags/platform-flag.ts'
import { fileFailure } from '../input/open-file.ts'
import { parseAnnotation } from '../input/parse-annotation.ts'
import { asBuildError } from '../progress/build-error.ts'

const flags = {
  annotation: flatList('Add annotation to the image', parseAnnotation),
  append: toggle('Append to existing manifest'),
  'dry-run': toggle('Show final image instead of pushing'),
  file: list('Read source descriptor from file', { short: 'f' }),
  platform: platformsFlag('Filter specified platforms of target image', { short: 'p' }),
  'prefer-index': toggle(
    'When only a single source is specified, prefer outputting an image index or manifest list instead of performing a carbon copy',
    { initial: true },
  ),
  progress: text('Accepted for compatibility', { hidden: true }),
  tag: list('Set reference for new image', { short: 't' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SOURCE...]'],
  summary: 'Create a new image based on source images',
  arguments: [0, Infinity],
  flags,
  run: ({ flags, args }, context) =>
    asBuildError(context, async () => {
      const { stdout } = context.io
      const dryRun = flags['dry-run']
      if (flags.tag.length === 0 && !dryRun)
        throw invalid('no repositories specified, please set a reference with -t')
      const described = await Promise.all(flags.file.map(readDescriptor))
      if (args.length + described.length === 0 && !flags.append) throw invalid('no sources specified')
      const { manifests } = await context.engine()
      const combined = await manifests.combine(
        {
          sources: [...described, ...args.map((arg) => (arg.startsWith('{') ? parseDescriptor(arg) : arg))],
          targets: flags.tag,
          append: flags.append,
          platforms: flags.platform,
          annotations: flags.annotation,
          preferIndex: flags['prefer-index'],
        },
        { signal: context.signal },
      )
      if (dryRun) {
        // a copy is shown byte by byte, what is made anew in a form that reads well
        const isOwn = !isManifestType(combined.descriptor.mediaType)
        stdout.write(
          isOwn ? `${JSON.stringify(JSON.parse(combined.raw.toString()), undefined, 2)}\n` : combined.raw,
        )
        return
      }
      await manifests.publish(combined, flags.tag, {
        signal: context.signal,
        onProgress: ({ status }) => void context.io.stderr.write(`${status}\n`),
      })
      for (const tag of flags.tag) {
        context.io.stderr.write(`pushing ${combined.descriptor.digest} to ${tag} done\n`)
      }
    }),
})

async function readDescriptor(path: string): Promise<Descriptor> {
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
  return parseDescriptor(content)
}

/** A descriptor as `--metadata-file` has it, or what has such a one. */
function parseDescriptor(content: string): Descriptor {
  let value: Partial<Descriptor> & { readonly 'containerimage.descriptor'?: Partial<Descriptor> }
  try {
    value = JSON.parse(content) as typeof value
  } catch (cause) {
    throw invalid(`a source descriptor is no JSON: ${cause instanceof Error ? cause.message : ''}`)
  }
  const { mediaType, size, ...rest } = value['containerimage.descriptor'] ?? value
  if (typeof mediaType !== 'string' || typeof size !== 'number')
    throw invalid('a source descriptor needs mediaType, digest and size')
  return { ...rest, mediaType, size, digest: parseDigest(rest.digest) }
}

function invalid(reason: string): Error {
  return failure('CLI_FAILED', { reason })
}
