import { bytes, duration } from './scalars.ts'
import {
  anything,
  decimal,
  integer,
  loose,
  mapped,
  pairs,
  record,
  scalar,
  type Shape,
  text,
} from './shape.ts'

export interface Limits {
  readonly cpus?: number
  readonly memory?: string
  readonly pids?: number
}

interface Reservations {
  readonly cpus?: number
  readonly memory?: string
  readonly devices?: unknown
  readonly generic_resources?: unknown
}

export interface UpdateConfig {
  readonly parallelism?: number
  readonly delay?: string
  readonly failure_action?: string
  readonly monitor?: string
  readonly max_failure_ratio?: number
  readonly order?: string
}

export interface DeployRestart {
  readonly condition?: string
  readonly delay?: string
  readonly max_attempts?: number
  readonly window?: string
}

export interface Deploy {
  readonly mode?: string
  readonly replicas?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly update_config?: UpdateConfig
  readonly rollback_config?: UpdateConfig
  readonly resources?: { readonly limits?: Limits; readonly reservations?: Reservations }
  readonly restart_policy?: DeployRestart
  readonly placement?: unknown
  readonly endpoint_mode?: string
}

const updateConfig: Shape<UpdateConfig> = record<UpdateConfig>({
  parallelism: integer,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: decimal,
  order: scalar('one of start-first, stop-first', (value) =>
    value === 'start-first' || value === 'stop-first' ? value : undefined,
  ),
})

const cpus = mapped(loose, (value, place) => decimal.read(value, place))

export const deployShape: Shape<Deploy> = record<Deploy>({
  mode: text,
  replicas: integer,
  labels: pairs(''),
  update_config: updateConfig,
  rollback_config: updateConfig,
  resources: record<NonNullable<Deploy['resources']>>({
    limits: record<Limits>({ cpus, memory: bytes, pids: integer }),
    reservations: record<Reservations>({
      cpus,
      memory: bytes,
      devices: anything,
      generic_resources: anything,
    }),
  }),
  restart_policy: record<DeployRestart>({
    condition: text,
    delay: duration,
    max_attempts: integer,
    window: duration,
  }),
  placement: anything,
  endpoint_mode: text,
})
