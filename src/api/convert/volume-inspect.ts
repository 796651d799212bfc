import type { VolumeDetails } from '../../containers/volume/volume-details.ts'
import type { VolumeInspect } from '../types/volume-inspect.ts'

/** A volume in Docker's wire shape; times in whole seconds, as Docker has them. */
export function toVolumeInspect(volume: VolumeDetails): VolumeInspect {
  const labels = volume.anonymous ? { 'com.docker.volume.anonymous': '', ...volume.labels } : volume.labels
  return {
    CreatedAt: `${new Date(volume.createdAt).toISOString().slice(0, 19)}Z`,
    Driver: volume.driver,
    Labels: nullIfEmpty(labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: nullIfEmpty(volume.options),
    Scope: 'local',
  }
}

function nullIfEmpty(record: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(record).length === 0 ? null : record
}
