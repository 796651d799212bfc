import type { VolumeDetails } from '../../containers/volume/volume-details.ts'
import { humanSize } from '../../util/human-size.ts'
import type { RowFields } from '../format/print-rows.ts'

export const volumeHeaders = {
  Driver: 'DRIVER',
  Name: 'VOLUME NAME',
  Mountpoint: 'MOUNTPOINT',
  Label: 'LABEL',
  Labels: 'LABELS',
  Links: 'LINKS',
  Scope: 'SCOPE',
  Size: 'SIZE',
  Status: 'STATUS',
  Availability: 'AVAILABILITY',
  Group: 'GROUP',
}

/** One volume; its size and links only where they were asked for, as in `system df`. */
export function volumeRow(volume: VolumeDetails, size?: number): RowFields {
  return {
    Driver: volume.driver,
    Name: volume.name,
    Mountpoint: volume.mountpoint,
    Labels: Object.entries(volume.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (key: unknown) => volume.labels[String(key)] ?? '',
    Links: size === undefined ? 'N/A' : String(volume.usedBy.length),
    Scope: 'local',
    Size: size === undefined ? 'N/A' : humanSize(size),
    Status: 'N/A',
    Availability: 'N/A',
    Group: 'N/A',
  }
}
