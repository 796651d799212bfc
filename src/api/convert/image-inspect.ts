import type { ContainerConfig } from '../../oci/config.ts'
import type { ImageDetails } from '../../images/images.ts'
import type { ContainerConfigWire, ImageInspect } from '../types/image-inspect.ts'
import { zeroTime } from './wire-time.ts'

/** An image in Docker's wire shape. */
export function toImageInspect(image: ImageDetails): ImageInspect {
  const { config, manifest } = image
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parent ?? '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? zeroTime,
    DockerVersion: '',
    Author: config.author ?? '',
    Architecture: image.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: image.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: image.size,
    GraphDriver: { Data: null, Name: 'overlayfs' },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: {
      LastTagTime: image.lastTaggedAt === undefined ? zeroTime : new Date(image.lastTaggedAt).toISOString(),
    },
    Descriptor: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
    Config: toContainerConfig(config.config ?? {}),
    ...(image.attestations !== undefined && {
      Attestations: image.attestations.map(({ subject, predicateType, digest, size }) => ({
        Subject: subject,
        PredicateType: predicateType,
        Digest: digest,
        Size: size,
      })),
    }),
  }
}

/** The runtime part of an image or container, absent values as Docker has them. */
export function toContainerConfig(config: ContainerConfig): ContainerConfigWire {
  const optional = {
    ExposedPorts: config.ExposedPorts,
    Healthcheck: config.Healthcheck,
    Shell: config.Shell,
    StopSignal: config.StopSignal,
  }
  return {
    Cmd: config.Cmd ?? null,
    Entrypoint: config.Entrypoint ?? null,
    Env: config.Env ?? null,
    Labels: config.Labels ?? null,
    OnBuild: config.OnBuild ?? null,
    User: config.User ?? '',
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? '',
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<ContainerConfigWire>),
  }
}
