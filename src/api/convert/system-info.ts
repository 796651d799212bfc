import type { EngineInfo } from '../../engine/engine.ts'
import { sha256 } from '../../oci/digest.ts'
import { readIfThere } from '../../util/read-text.ts'
import type { SystemInfo } from '../types/system-info.ts'

/** Docker's names of the same facts. */
export function toSystemInfo(info: EngineInfo): SystemInfo {
  const { running, paused, stopped } = info.containers
  const limit = (name: string): boolean => !info.unsupportedLimits.includes(name)
  return {
    ID: engineId(info.root),
    Containers: running + paused + stopped,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: stopped,
    Images: info.images,
    Driver: info.snapshotter,
    DriverStatus: info.snapshotterReason === undefined ? [] : [['Reason', info.snapshotterReason]],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'local', 'none'],
    },
    MemoryLimit: limit('memory'),
    SwapLimit: limit('memorySwap'),
    CpuCfsPeriod: limit('cpuPeriod'),
    CpuCfsQuota: limit('cpuQuota'),
    CPUShares: limit('cpuShares'),
    CPUSet: limit('cpusetCpus'),
    PidsLimit: limit('pids'),
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    OomKillDisable: false,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: info.cgroups === 'v2' ? '2' : '1',
    NEventsListener: 0,
    KernelVersion: info.kernel,
    OperatingSystem: info.operatingSystem,
    OSVersion: '',
    OSType: 'linux',
    Architecture: info.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      IndexConfigs: { 'docker.io': { Mirrors: [], Name: 'docker.io', Official: true, Secure: true } },
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
      Mirrors: null,
    },
    NCPU: info.cpus,
    MemTotal: info.memory,
    GenericResources: null,
    DockerRootDir: info.root,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: info.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: info.version,
    // whichever is there answers to this name
    Runtimes: { runc: { path: info.runtime }, [info.runtime]: { path: info.runtime } },
    DefaultRuntime: info.runtime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    // containers have a monitor each, whatever becomes of the server
    LiveRestoreEnabled: true,
    Isolation: info.isolation,
    InitBinary: 'tini',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: info.runtimeVersion },
    InitCommit: { ID: '' },
    SecurityOptions: ['name=seccomp,profile=builtin'],
    CDISpecDirs: [],
    Warnings: info.warnings.map((warning) => `WARNING: ${warning}`),
  }
}

/** The same for the same store on the same machine, as long as both exist. */
function engineId(root: string): string {
  const hex = sha256(`${readIfThere('/etc/machine-id')} ${root}`).slice('sha256:'.length)
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
