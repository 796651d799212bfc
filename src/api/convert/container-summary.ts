import type { ContainerDetails } from '../../containers/containers.ts'
import type { ContainerSummary, PortWire } from '../types/container-summary.ts'
import { toMountPoint } from './container-inspect.ts'
import { commandText, statusText } from './container-text.ts'
import { toNetworks } from './network-settings.ts'

/** A container as lists show it; `now` in milliseconds. */
export function toContainerSummary(container: ContainerDetails, now: number): ContainerSummary {
  const { state, sizeRw, sizeRootFs } = container
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.imageName,
    ImageID: container.imageId,
    Command: commandText(container),
    Created: Math.floor(container.createdAt / 1000),
    Ports: state.status === 'running' || state.status === 'paused' ? toPorts(container) : [],
    ...(sizeRw !== undefined && { SizeRw: sizeRw }),
    ...(sizeRootFs !== undefined && { SizeRootFs: sizeRootFs }),
    Labels: container.config.Labels ?? {},
    State: state.status,
    Status: statusText(state, now),
    HostConfig: { NetworkMode: container.request.network },
    NetworkSettings: { Networks: toNetworks(container) },
    Mounts: container.mounts.map(toMountPoint),
  }
}

/** Published ports, and behind them those that are only exposed. */
function toPorts({ ports, exposedPorts }: ContainerDetails): PortWire[] {
  const published = ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
    IP: hostIp === '' ? '0.0.0.0' : hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }))
  const taken = new Set(published.map(({ PrivatePort, Type }) => `${PrivatePort}/${Type}`))
  const exposed = exposedPorts
    .filter((key) => !taken.has(key))
    .map((key) => {
      const [port, protocol = 'tcp'] = key.split('/')
      return { PrivatePort: Number(port), Type: protocol }
    })
  return [...published, ...exposed]
}
