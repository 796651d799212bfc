/** mille as a library: what the command does, in this process. Formats alone are in `mille/oci` and `mille/dockerfile`. */
export { openEngine } from './engine/open-engine.ts'
export type {
  Engine,
  EngineInfo,
  EngineOptions,
  EventsOptions,
  Registries,
  ServedRegistry,
  ServeRegistryOptions,
} from './engine/engine.ts'
export type {
  CollectReport,
  DamagedBlob,
  RemovedTag,
  RetentionRule,
  ScrubReport,
} from './registry/server/gc/collection.ts'
export type { CollectRequest } from './registry/server/gc/control.ts'
export type {
  AccessSettings,
  AuthSettings,
  GcSettings,
  LimitSettings,
  ListenAddress,
  RegistrySettings,
  TlsSettings,
} from './registry/settings/registry-settings.ts'
export type { EngineEvent, EventType } from './store/event-log.ts'

export type {
  HistoryRow,
  ImageDetails,
  ImageFilters,
  Images,
  ImageStatement,
  ImageSummary,
  ImportOptions,
  LoadedImage,
  PruneReport,
  PullOptions,
  PullResult,
  PushResult,
  RemovalLine,
  RemoveOptions,
  TreeNode,
} from './images/images.ts'
export type {
  AnnotateOptions,
  CombinedImage,
  CombineRequest,
  ManifestDraft,
  Manifests,
  RemoteImage,
  RemoteMember,
} from './images/manifests/manifests.ts'

export type {
  BuildContext,
  Builder,
  BuildEvent,
  BuildReport,
  BuildRequest,
  BuildResult,
  BuildTimes,
  BuildWish,
  CacheMiss,
  CacheUsage,
  DebugWish,
  MissDifference,
  MissReason,
  NamedContext,
  OpenedFailure,
  PruneOptions,
  RunOptions,
  SecretSource,
  SshSource,
  StepReport,
} from './builder/build.ts'
export type { CheckReport, OutlineReport, TargetsReport } from './builder/calls.ts'
export type { LockChange, LockFile, LockKind } from './builder/lock/lock-file.ts'
export type { LockReport } from './builder/lock/make-lock.ts'
export type { ReproDifference, ReproReport } from './builder/repro/repro-report.ts'
export type { BuildOutput } from './builder/export/output.ts'

export type {
  Attachment,
  CommitRequest,
  ContainerDetails,
  ContainerMount,
  ContainerNetwork,
  ContainerRequest,
  Containers,
  ContainerState,
  ContainerStatus,
  ContainerUpdate,
  ContainerWish,
  CreateOptions,
  DeviceRequest,
  ExecRequest,
  LogLine,
  LogOptions,
  MountRequest,
  PathStat,
  PortRequest,
  PublishedPort,
  RestartPolicy,
} from './containers/containers.ts'
export type { VolumeDetails, Volumes } from './containers/volume/volume-details.ts'
export type {
  EndpointRequest,
  NetworkDetails,
  NetworkMember,
  NetworkRequest,
  Networks,
  TakeOverRequest,
} from './containers/network/networks.ts'

export { isMilleError, MilleError } from './util/errors.ts'
export type { ErrorCode, ErrorKind } from './util/errors.ts'
export type { OpOptions, ProgressEvent } from './util/progress.ts'
