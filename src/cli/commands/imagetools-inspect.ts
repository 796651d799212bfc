import type { RemoteImage, RemoteMember } from '../../images/manifests/manifests.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle, text } from '../flags/flag.ts'
import { withGoFields } from '../format/go-fields.ts'
import { compileTemplate } from '../format/render-template.ts'
import { asBuildError } from '../progress/build-error.ts'
import { remoteImageText } from '../rows/remote-image-text.ts'

const flags = {
  format: text('Format the output using the given Go template'),
  raw: toggle('Show original, unformatted JSON manifest'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME'],
  summary: 'Show details of an image in the registry',
  arguments: [1, 1],
  flags,
  run: ({ flags, args: [name = ''] }, context) =>
    asBuildError(context, async () => {
      const { stdout } = context.io
      const render = flags.format === undefined ? undefined : compileTemplate(flags.format)
      const { manifests } = await context.engine()
      const image = await manifests.inspect(name, { signal: context.signal })
      if (flags.raw) stdout.write(image.document.raw)
      else if (render !== undefined) stdout.write(render(templateValue(image)))
      else stdout.write(remoteImageText(image))
    }),
})

const slsa = /^https:\/\/slsa\.dev\/provenance\//
const spdx = 'https://spdx.dev/Document'

/** `.Name`, `.Manifest`, `.Image`, `.Provenance`, `.SBOM`, as buildx; `{{json .}}` has the first three. */
function templateValue(image: RemoteImage): object {
  const { document, name } = image
  const manifest =
    document.kind === 'manifest'
      ? document.descriptor
      : { schemaVersion: 2, ...document.descriptor, ...withoutType(document.index) }
  const perImage = (pick: (member: RemoteMember) => unknown): unknown => {
    const [only] = image.members
    if (only !== undefined && document.kind === 'manifest') return pick(only)
    return Object.fromEntries(
      image.members.map((member) => [
        formatPlatform(member.descriptor.platform ?? { os: 'unknown', architecture: 'unknown' }),
        pick(member),
      ]),
    )
  }
  const fields = {
    Name: name,
    Manifest: withGoFields(manifest),
    Image: withGoFields(perImage(({ config }) => config)),
    Provenance: withGoFields(onlyOne(perImage(provenanceOf))),
    SBOM: withGoFields(onlyOne(perImage(sbomOf))),
  }
  const { Name, Manifest, Image } = fields
  Object.defineProperty(fields, 'toJSON', { value: () => ({ name: Name, manifest: Manifest, image: Image }) })
  return fields
}

function withoutType({
  manifests,
  annotations,
}: {
  readonly manifests: unknown
  readonly annotations?: unknown
}): object {
  return { manifests, ...(annotations !== undefined && { annotations }) }
}

/** What is said of the only image of an index needs no platform to be named by. */
function onlyOne(value: unknown): unknown {
  const members = Object.values(value ?? {}) as unknown[]
  return members.length === 1 && typeof members[0] === 'object' ? members[0] : value
}

function provenanceOf({ predicates }: RemoteMember): unknown {
  const found = [...predicates].find(([type]) => slsa.test(type))
  return found === undefined ? {} : { SLSA: found[1] }
}

function sbomOf({ predicates }: RemoteMember): unknown {
  return predicates.has(spdx) ? { SPDX: predicates.get(spdx) } : {}
}
