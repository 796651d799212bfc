/** mille as a library: what the command does, in this process. Formats alone are in `mille/oci` and `mille/dockerfile`. */
export { openEngine } from './engine/open-engine.ts'
export type { Engine, EngineInfo, EngineOptions, Registries } from './engine/engine.ts'

export type {
  HistoryRow,
  ImageDetails,
  ImageFilters,
  Images,
  ImageSummary,
  ImportOptions,
  LoadedImage,
  PruneReport,
  PullOptions,
  PullResult,
  PushResult,
  RemovalLine,
  TreeNode,
} from './images/images.ts'

export type {
  BuildContext,
  Builder,
  BuildEvent,
  BuildRequest,
  BuildResult,
  BuildWish,
  CacheMiss,
  CacheUsage,
} from './builder/build.ts'
export type { ReproDifference, ReproReport } from './builder/repro/repro-report.ts'
export type { BuildOutput } from './builder/export/output.ts'

export type {
  Attachment,
  CommitRequest,
  ContainerDetails,
  ContainerRequest,
  Containers,
  ContainerState,
  ContainerWish,
  ExecRequest,
  LogLine,
  LogOptions,
  MountRequest,
  PortRequest,
  VolumeDetails,
  Volumes,
} from './containers/containers.ts'

export { isMilleError, MilleError } from './util/errors.ts'
export type { ErrorCode, ErrorKind } from './util/errors.ts'
export type { OpOptions, ProgressEvent } from './util/progress.ts'
