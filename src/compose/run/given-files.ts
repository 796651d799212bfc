import type { Readable } from 'node:stream'
import { failure } from '../../util/errors.ts'
import { writeTar } from '../../tar/writer.ts'
import type { FileReference } from '../model/file-reference.ts'
import type { Project, Service } from '../model/project.ts'
import type { FileObject } from '../model/resource-shapes.ts'
import type { ComposeParts } from './parts.ts'
import { secretTarget } from './request-mounts.ts'

/**
 * Puts secrets and configs that are no files of this machine into a container that has not started, as Docker does. They are
 * in its writable layer: not in an image, not in its record, gone with the container. COMPOSE_FAILED.
 */
export async function writeGivenFiles(
  { engine }: ComposeParts,
  id: string,
  project: Project,
  service: Service,
): Promise<void> {
  const secrets = (service.secrets ?? []).map((reference) => ({
    reference,
    object: project.secrets[reference.source],
    kind: 'secret',
    target: secretTarget(reference.target ?? reference.source),
  }))
  const configs = (service.configs ?? []).map((reference) => ({
    reference,
    object: project.configs[reference.source],
    kind: 'config',
    target: reference.target ?? `/${reference.source}`,
  }))
  for (const { reference, object, kind, target } of [...secrets, ...configs]) {
    if (object === undefined || object.file !== undefined) continue
    const text = contentOf(project, kind, reference.source, object)
    await engine.containers.writeArchive(id, '/', fileTar(target, text, reference), { copyOwner: true })
  }
}

function contentOf(project: Project, kind: string, name: string, object: FileObject): string {
  const { content, environment } = object
  if (content !== undefined) return content
  if (environment === undefined)
    throw failure('COMPOSE_UNSUPPORTED', {
      what: `external ${kind} ${name}`,
      reason: 'there is no swarm that keeps it',
    })
  const value = Object.hasOwn(project.environment, environment) ? project.environment[environment] : undefined
  if (value !== undefined) return value
  throw failure('COMPOSE_FAILED', {
    reason: `environment variable "${environment}" required by ${kind} "${name}" is not set`,
  })
}

function fileTar(target: string, text: string, { uid, gid, mode }: FileReference): Readable {
  const bytes = Buffer.from(text)
  const path = target.replace(/^\/+/, '')
  const header = {
    path,
    type: 'file' as const,
    mode: parseInt(mode ?? '0444', 8),
    uid: Number(uid ?? 0),
    gid: Number(gid ?? 0),
    mtime: 0n,
    size: bytes.length,
  }
  return writeTar([{ header, body: bytes }])
}
