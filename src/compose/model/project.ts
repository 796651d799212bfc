import type { Build } from './build-shape.ts'
import type { Deploy } from './deploy-shape.ts'
import type { Config, NetworkConfig, Secret, VolumeConfig } from './resource-shapes.ts'
import type { Service } from './service.ts'

export type { Build, Config, Deploy, NetworkConfig, Secret, Service, VolumeConfig }

/** The resources of a project by the names they have in the file; fields by the names of the compose specification. */
export interface Resources {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, NetworkConfig>>
  readonly volumes: Readonly<Record<string, VolumeConfig>>
  readonly secrets: Readonly<Record<string, Secret>>
  readonly configs: Readonly<Record<string, Config>>
}

/** Everything that the files say, in long forms, with all defaults, paths absolute. */
export interface Project extends Resources {
  readonly name: string
  readonly folder: string
  /** In the order in which they were merged. */
  readonly files: readonly string[]
  /** What variables stand for. */
  readonly environment: Readonly<Record<string, string>>
  readonly profiles: readonly string[]
  /** Services of profiles that are not asked for. */
  readonly disabled: Readonly<Record<string, Service>>
  /** All services of the files, also when the project was narrowed to some of them. */
  readonly serviceNames: readonly string[]
  /** `x-…` of the top level. */
  readonly extensions: Readonly<Record<string, unknown>>
}
