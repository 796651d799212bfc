import type { RemoteImage } from '../../images/manifests/manifests.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { alignColumns } from '../format/align-columns.ts'

/** Name, type and digest, and of an index all that is in it, as buildx prints them. */
export function remoteImageText({ name, document }: RemoteImage): string {
  const { mediaType, digest } = document.descriptor
  const head = [`Name:\t${name}`, `MediaType:\t${mediaType}`, `Digest:\t${digest}`]
  if (document.kind === 'manifest') return `${block(head)}\n`
  const repository = name.replace(/@.*$/, '')
  const entries = document.index.manifests.map((entry) => block(entryLines(repository, entry)))
  return `${block([...head, '\t', 'Manifests:\t'])}\n${entries.map((entry) => `${entry}\n`).join('\n')}`
}

function entryLines(
  repository: string,
  { digest, mediaType, platform, annotations, artifactType }: Descriptor,
): string[] {
  const lines = [`  Name:\t${repository}@${digest}`, `  MediaType:\t${mediaType}`]
  if (artifactType !== undefined) lines.push(`  ArtifactType:\t${artifactType}`)
  if (platform !== undefined) lines.push(`  Platform:\t${formatPlatform(platform)}`)
  if (annotations === undefined) return lines
  const own = Object.entries(annotations).map(([key, value]) => `    ${key}:\t${value}`)
  return [...lines, '  Annotations:\t', block(own)]
}

function block(lines: readonly string[]): string {
  return alignColumns(lines.join('\n'), 0, 1)
}
