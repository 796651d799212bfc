import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { busyboxApi, type BusyboxApi } from '../support/serve-api.ts'

type Fields = Readonly<Record<string, unknown>>

/** Fields of HostConfig that API 1.51 always shows, and those that it shows when they are given. */
const hostFields =
  'Annotations AutoRemove Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeight BlkioWeightDevice CapAdd CapDrop Cgroup CgroupParent CgroupnsMode ConsoleSize ContainerIDFile CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares CpusetCpus CpusetMems DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch ExtraHosts GroupAdd IOMaximumBandwidth IOMaximumIOps Init IpcMode Isolation Links LogConfig MaskedPaths Memory MemoryReservation MemorySwap MemorySwappiness Mounts NanoCpus NetworkMode OomKillDisable OomScoreAdj PidMode PidsLimit PortBindings Privileged PublishAllPorts ReadonlyPaths ReadonlyRootfs RestartPolicy Runtime SecurityOpt ShmSize Sysctls Tmpfs UTSMode Ulimits UsernsMode VolumeDriver VolumesFrom'.split(
    ' ',
  )

describe('inspect through mille serve', () => {
  let served: BusyboxApi
  before(async () => {
    served = await busyboxApi()
  })
  after(() => served[Symbol.asyncDispose]())

  const create = async (body: Fields): Promise<string> => {
    const { status, body: text } = await served.api.call('POST', '/containers/create', {
      Image: 'busybox',
      ...body,
    })
    assert.equal(status, 201, text)
    return (JSON.parse(text) as { Id: string }).Id
  }
  const inspect = async (path: string): Promise<Record<string, Fields>> =>
    JSON.parse((await served.api.call('GET', path)).body)

  test('what a create was given comes back as it was given', async () => {
    const host = {
      Annotations: { 'org.example': 'note' },
      Binds: ['data:/data:rw,nocopy', '/tmp:/host:ro'],
      Mounts: [
        { Type: 'bind', Source: '/var', Target: '/var/host', BindOptions: { CreateMountpoint: true } },
        { Type: 'tmpfs', Target: '/fast', TmpfsOptions: { SizeBytes: 1048576 } },
      ],
      Tmpfs: { '/run': 'size=1m,noexec', '/scratch': '' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } },
      NetworkMode: 'bridge',
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      CapAdd: ['CAP_NET_ADMIN'],
      CapDrop: ['CAP_MKNOD'],
      Dns: ['10.0.0.1'],
      DnsOptions: ['timeout:1'],
      DnsSearch: ['example'],
      ExtraHosts: ['other:10.0.0.2'],
      GroupAdd: ['10'],
      Init: true,
      IpcMode: 'shareable',
      OomScoreAdj: 100,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      ShmSize: 1048576,
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      Ulimits: [{ Name: 'nofile', Hard: 2048, Soft: 1024 }],
      Memory: 67108864,
      MemorySwap: 134217728,
      NanoCpus: 500000000,
      CpuShares: 512,
      PidsLimit: 100,
    }
    const config = {
      Cmd: ['sleep', '1000'],
      Env: ['A=b'],
      Labels: { a: 'b' },
      User: '1:1',
      WorkingDir: '/tmp',
      Hostname: 'named',
      Domainname: 'example',
      Volumes: { '/anonymous': {} },
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGUSR1',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
    }
    const id = await create({ ...config, HostConfig: host })
    const shown = await inspect(`/containers/${id}/json`)
    for (const [field, value] of Object.entries(host))
      assert.deepEqual(shown['HostConfig']?.[field], value, field)
    for (const [field, value] of Object.entries(config)) {
      const seen = shown['Config']?.[field]
      assert.deepEqual(
        field === 'Env' ? (seen as string[]).filter((one) => one.startsWith('A=')) : seen,
        value,
        field,
      )
    }
    assert.deepEqual(Object.keys(shown['HostConfig'] ?? {}).toSorted(), hostFields.toSorted())
    await served.api.call('DELETE', `/containers/${id}?v=1`)
  })

  test('one that runs has an endpoint that its network knows by the same ID; one that does not has no ports', async () => {
    const id = await create({
      Cmd: ['sleep', '1000'],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { SecurityOpt: ['systempaths=unconfined'] },
    })
    const before = await inspect(`/containers/${id}/json`)
    assert.deepEqual(before['NetworkSettings']?.['Ports'], {})
    assert.equal(before['NetworkSettings']?.['EndpointID'], '')
    await served.api.call('POST', `/containers/${id}/start`)
    const { NetworkSettings, HostConfig } = await inspect(`/containers/${id}/json`)
    assert.match(String(NetworkSettings?.['EndpointID']), /^[0-9a-f]{64}$/)
    assert.deepEqual(NetworkSettings?.['Ports'], { '80/tcp': null })
    assert.deepEqual([HostConfig?.['MaskedPaths'], HostConfig?.['ReadonlyPaths']], [[], []])
    const { Containers } = await inspect('/networks/bridge')
    assert.equal((Containers?.[id] as Fields | undefined)?.['EndpointID'], NetworkSettings?.['EndpointID'])
    const { IPAM } = await inspect('/networks/none')
    assert.equal(IPAM?.['Config'], null)
    await served.api.call('DELETE', `/containers/${id}?force=1`)
  })
})
