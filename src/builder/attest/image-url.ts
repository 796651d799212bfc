import { formatPlatform, type Platform } from '../../oci/platform.ts'
import { familiarRepository, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { packageUrl } from './packages/package.ts'

/** An image as a Package URL, in the form that BuildKit gives it. */
export function imageUrl(name: string, platform: Platform): string {
  const reference = withDefaultTag(parseReference(name))
  const parts = familiarRepository(reference).split('/')
  const namespace = parts.slice(0, -1).join('/')
  const { tag = '', digest } = reference
  return packageUrl({
    type: 'docker',
    ...(namespace !== '' && { namespace }),
    name: parts.at(-1) ?? '',
    version: tag,
    qualifiers: { platform: formatPlatform(platform), ...(digest !== undefined && { digest }) },
    foundIn: '',
  })
}
