import { commandText, statusText } from '../../api/convert/container-text.ts'
import type { ContainerDetails } from '../../containers/containers.ts'
import { humanSize } from '../../util/human-size.ts'
import type { RowFields } from '../format/print-rows.ts'
import { goTime } from '../format/units.ts'
import { humanDuration } from '../../util/human-duration.ts'
import { ellipsis } from './history-rows.ts'
import { portsText } from './ports-text.ts'

export const containerHeaders = {
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Status: 'STATUS',
  State: 'STATE',
  Ports: 'PORTS',
  Names: 'NAMES',
  Size: 'SIZE',
  Label: 'LABEL',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
}

export function containerRow(
  container: ContainerDetails,
  { now, noTrunc }: { readonly now: number; readonly noTrunc: boolean },
): RowFields {
  const command = commandText(container)
  const mounts = container.mounts.map(({ name, source }) => name ?? source)
  const running = container.state.status === 'running' || container.state.status === 'paused'
  return {
    ID: noTrunc ? container.id : container.id.slice(0, 12),
    Image: noTrunc ? container.imageName : shortImage(container.imageName),
    Command: JSON.stringify(noTrunc ? command : ellipsis(command, 20)),
    CreatedAt: goTime(container.createdAt),
    RunningFor: `${humanDuration(now - container.createdAt)} ago`,
    Status: statusText(container.state, now),
    State: container.state.status,
    Ports: running ? portsText(container.ports, container.exposedPorts) : '',
    Names: container.name,
    Size: sizeText(container),
    Labels: Object.entries(container.config.Labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (key: unknown) => container.config.Labels?.[String(key)] ?? '',
    Mounts: mounts.map((mount) => (noTrunc ? mount : ellipsis(mount, 15))).join(','),
    LocalVolumes: String(container.mounts.filter(({ type }) => type === 'volume').length),
    Networks: container.request.network,
    Platform: null,
  }
}

function shortImage(name: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(name) ? name.slice(7, 19) : name
}

function sizeText({ sizeRw, sizeRootFs }: ContainerDetails): string {
  const own = humanSize(sizeRw ?? 0, 3)
  return sizeRootFs === undefined ? own : `${own} (virtual ${humanSize(sizeRootFs, 3)})`
}
