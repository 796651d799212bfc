import type { ContainerDetails, MountRequest } from '../../containers/containers.ts'
import { parseTmpfs } from '../../containers/volume/parse-volume.ts'
import type { ServiceMount } from '../model/mount-shape.ts'
import type { Project, Service } from '../model/project.ts'

/** The mounts of a container of the service; those without a name stay what they were in the container it replaces. */
export function mountRequests(
  project: Project,
  service: Service,
  replaced: ContainerDetails | undefined,
): MountRequest[] {
  const own = (service.volumes ?? []).map((mount) => mountRequest(project, mount))
  const temporary = (service.tmpfs ?? []).map(parseTmpfs)
  const files = [...fileMounts(project, service)]
  const wanted = [...own, ...temporary, ...files]
  const kept = (replaced?.mounts ?? []).filter(({ type, name }) => type === 'volume' && name !== undefined)
  const inherit = (mount: MountRequest): MountRequest => {
    if (mount.type !== 'volume' || mount.source !== undefined) return mount
    const before = kept.find(({ target }) => target === mount.target)
    return before?.name === undefined ? mount : { ...mount, source: before.name }
  }
  // what the image asks for is not in the file, and is kept too
  const named = new Set(wanted.map(({ target }) => target))
  const ofImage = kept
    .filter(({ target, name }) => !named.has(target) && /^[0-9a-f]{64}$/.test(name ?? ''))
    .map(({ target, name = '', readonly }): MountRequest => ({
      type: 'volume',
      source: name,
      target,
      readonly,
    }))
  return [...wanted.map(inherit), ...ofImage]
}

function mountRequest(project: Project, mount: ServiceMount): MountRequest {
  const { type, source, target, read_only: readonly = false, bind, volume, tmpfs, image } = mount
  switch (type) {
    case 'bind':
      return {
        type,
        source: source ?? '',
        target,
        readonly,
        createSource: bind?.create_host_path === true,
        ...(bind?.propagation !== undefined && { propagation: bind.propagation }),
        ...(bind?.recursive === 'disabled' && { nonRecursive: true }),
      }
    case 'image':
      return {
        type,
        ...(source !== undefined && { source }),
        target,
        readonly: true,
        ...(image?.subpath !== undefined && { subpath: image.subpath }),
      }
    case 'tmpfs':
      return {
        type,
        target,
        readonly,
        ...(tmpfs?.size !== undefined && { size: Number(tmpfs.size) }),
        ...(tmpfs?.mode !== undefined && { mode: tmpfs.mode }),
      }
    default: {
      const name = source === undefined ? undefined : (project.volumes[source]?.name ?? source)
      return {
        type: 'volume',
        target,
        readonly,
        ...(name !== undefined && { source: name }),
        ...(volume?.nocopy === true && { noCopy: true }),
        ...(volume?.subpath !== undefined && { subpath: volume.subpath }),
      }
    }
  }
}

/** Secrets and configs that are files of this machine. */
function* fileMounts(project: Project, service: Service): Generator<MountRequest> {
  for (const { source, target = `/${source}` } of service.configs ?? []) {
    const file = project.configs[source]?.file
    if (file !== undefined) yield { type: 'bind', source: file, target, readonly: true }
  }
  for (const { source, target = source } of service.secrets ?? []) {
    const file = project.secrets[source]?.file
    if (file !== undefined) yield { type: 'bind', source: file, target: secretTarget(target), readonly: true }
  }
}

export function secretTarget(target: string): string {
  return target.startsWith('/') ? target : `/run/secrets/${target}`
}
