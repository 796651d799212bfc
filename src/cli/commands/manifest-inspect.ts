import { draftIndex } from '../../images/manifests/draft-index.ts'
import type { RemoteImage, RemoteMember } from '../../images/manifests/manifests.ts'
import { inWireOrder, type Descriptor } from '../../oci/descriptor.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { insecureRegistry } from '../insecure-registry.ts'

const flags = {
  insecure: toggle('Allow communication with an insecure registry'),
  verbose: toggle('Output additional info including layers and platform', { short: 'v' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [MANIFEST_LIST] MANIFEST'],
  summary: 'Display an image manifest, or manifest list',
  arguments: [1, 2],
  flags,
  async run({ flags, args }, context) {
    const name = args.at(-1) ?? ''
    const { manifests } = await context.engine(insecureRegistry(flags.insecure, name))
    const [list] = args
    if (args.length === 2 && list !== undefined) {
      const draft = await manifests.findDraft(list)
      const wanted = shown(name)
      const entry = draft?.entries.find(({ reference }) => shown(reference) === wanted)
      if (entry === undefined)
        throw failure('NO_SUCH_MANIFEST', { name: draft === undefined ? list : wanted })
      const image = await inspect(context, manifests, entry.reference)
      context.io.stdout.write(imageText(image, flags.verbose))
      return 0
    }
    const draft = await manifests.findDraft(name)
    if (draft !== undefined && !flags.verbose) {
      const { index, descriptor } = draftIndex(draft.entries)
      context.io.stdout.write(listText({ ...descriptor, ...index }))
      return 0
    }
    const image = await inspect(context, manifests, name)
    context.io.stdout.write(imageText(image, flags.verbose))
    return 0
  },
})

type Manifests = Awaited<ReturnType<CommandContext['engine']>>['manifests']

async function inspect({ signal }: CommandContext, manifests: Manifests, name: string): Promise<RemoteImage> {
  try {
    return await manifests.inspect(name, { signal })
  } catch (error) {
    if (!isMilleError(error, 'MANIFEST_UNKNOWN')) throw error
    throw failure('CLI_FAILED', { reason: `no such manifest: ${shown(name)}` }, { cause: error })
  }
}

const shown = (name: string): string => familiarReference(withDefaultTag(parseReference(name)))

function imageText(image: RemoteImage, verbose: boolean): string {
  const { document, members, name } = image
  const tabbed = (value: unknown): string => `${JSON.stringify(value, undefined, '\t')}\n`
  if (verbose) {
    const all = members.map((member) => verboseMember(name, member, document.kind === 'index'))
    return tabbed(document.kind === 'index' ? all : all[0])
  }
  if (document.kind === 'index') return listText({ ...document.descriptor, ...document.index })
  return tabbed(JSON.parse(document.raw.toString()))
}

/** Docker's order of fields, and its three spaces. */
function listText({
  mediaType,
  manifests,
}: {
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
}): string {
  const entries = manifests.map((entry) => {
    const { mediaType, digest, size, ...rest } = inWireOrder(entry)
    return { mediaType, size, digest, ...rest }
  })
  return `${JSON.stringify({ schemaVersion: 2, mediaType, manifests: entries }, undefined, 3)}\n`
}

function verboseMember(name: string, { descriptor, raw, manifest }: RemoteMember, isListed: boolean): object {
  const { mediaType, digest, size, platform } = inWireOrder(descriptor)
  const key = mediaType === mediaTypes.dockerManifest ? 'SchemaV2Manifest' : 'OCIManifest'
  return {
    Ref: isListed ? `${name}@${digest}` : name,
    Descriptor: { mediaType, digest, size, ...(platform && { platform }) },
    Raw: raw.toString('base64'),
    [key]: manifest,
  }
}
