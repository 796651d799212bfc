import { parseReference, tagOrDigest, withDefaultTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { readDocument } from '../manifests/remote-image.ts'
import type { OpenRepository } from '../repositories.ts'
import type { Artifacts } from './artifacts.ts'

/** Artifacts over a registry client; what moves bytes is loaded when it is asked for. */
export function createArtifacts(open: OpenRepository): Artifacts {
  const inspect: Artifacts['inspect'] = async (name, options) => {
    const { document } = await readDocument(open, name, options)
    if (document.kind === 'index') throw failure('NOT_AN_ARTIFACT', { name })
    return { descriptor: document.descriptor, manifest: document.manifest }
  }
  return {
    inspect,
    async push(name, files, options = {}) {
      const reference = withDefaultTag(parseReference(name))
      if (reference.digest !== undefined) throw failure('PUSH_BY_DIGEST', {})
      const repository = await open(reference)
      const { pushArtifact } = await import('./push-artifact.ts')
      const descriptor = await pushArtifact(repository, files, options)
      await repository.tag(descriptor, reference.tag ?? 'latest', { signal: options.signal })
      return descriptor
    },
    async attach(name, files, options = {}) {
      const reference = withDefaultTag(parseReference(name))
      const repository = await open(reference)
      const subject = await repository.resolve(tagOrDigest(reference), options)
      const { pushArtifact } = await import('./push-artifact.ts')
      return await pushArtifact(repository, files, { ...options, subject })
    },
    async discover(name, options = {}) {
      const reference = withDefaultTag(parseReference(name))
      const repository = await open(reference)
      const subject = await repository.resolve(tagOrDigest(reference), options)
      return { subject, referrers: await Array.fromAsync(repository.referrers(subject.digest, options)) }
    },
    async pull(name, folder, options = {}) {
      const { manifest } = await inspect(name, options)
      const { pullArtifact } = await import('./pull-artifact.ts')
      return await pullArtifact(await open(parseReference(name)), manifest, folder, options)
    },
  }
}
