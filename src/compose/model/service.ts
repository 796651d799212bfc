import type { Build } from './build-shape.ts'
import type { Develop } from './develop-shape.ts'
import type { Deploy } from './deploy-shape.ts'
import type { FileReference } from './file-reference.ts'
import type { ServiceMount } from './mount-shape.ts'
import type { ServicePort } from './port-shape.ts'

export type Labels = Readonly<Record<string, string>>
/** null: as the environment of the project has it, and nothing when it has not. */
export type Environment = Readonly<Record<string, string | null>>

export interface Dependency {
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully'
  readonly restart?: boolean
  /** false: one that is missing or not enabled is no error. */
  readonly required: boolean
}

export interface Healthcheck {
  readonly test?: readonly string[]
  readonly timeout?: string
  readonly interval?: string
  readonly retries?: number
  readonly start_period?: string
  readonly start_interval?: string
  readonly disable?: boolean
}

export interface EnvFile {
  readonly path: string
  readonly required?: boolean
  readonly format?: string
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[]
  readonly driver_opts?: Labels
  readonly gw_priority?: number
  readonly interface_name?: string
  readonly ipv4_address?: string
  readonly ipv6_address?: string
  readonly link_local_ips?: readonly string[]
  readonly mac_address?: string
  readonly priority?: number
}

export interface Hook {
  readonly command: readonly string[]
  readonly user?: string
  readonly privileged?: boolean
  readonly working_dir?: string
  readonly environment?: Environment
}

export interface Device {
  readonly source: string
  readonly target?: string
  readonly permissions?: string
}

export interface Extends {
  readonly file?: string
  readonly service: string
}

export interface Service {
  readonly profiles?: readonly string[]
  readonly annotations?: Labels
  readonly attach?: boolean
  readonly build?: Build
  readonly develop?: Develop
  readonly blkio_config?: unknown
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly cgroup_parent?: string
  readonly cgroup?: string
  readonly cpu_count?: number
  readonly cpu_percent?: number
  readonly cpu_period?: number
  readonly cpu_quota?: number
  readonly cpu_rt_period?: unknown
  readonly cpu_rt_runtime?: unknown
  readonly cpus?: number
  readonly cpuset?: string
  readonly cpu_shares?: number
  /** null: the image's. */
  readonly command?: readonly string[] | null
  readonly configs?: readonly FileReference[]
  readonly container_name?: string
  readonly credential_spec?: unknown
  readonly depends_on?: Readonly<Record<string, Dependency>>
  readonly deploy?: Deploy
  readonly device_cgroup_rules?: readonly string[]
  readonly devices?: readonly Device[]
  readonly dns?: readonly string[]
  readonly dns_opt?: readonly string[]
  readonly dns_search?: readonly string[]
  readonly domainname?: string
  readonly entrypoint?: readonly string[] | null
  readonly provider?: unknown
  readonly environment?: Environment
  readonly env_file?: readonly EnvFile[]
  readonly expose?: readonly string[]
  readonly extends?: Extends
  readonly external_links?: readonly string[]
  /** `name=address` */
  readonly extra_hosts?: readonly string[]
  readonly group_add?: readonly string[]
  readonly gpus?: unknown
  readonly hostname?: string
  readonly healthcheck?: Healthcheck
  readonly image?: string
  readonly init?: boolean
  readonly ipc?: string
  readonly isolation?: string
  readonly labels?: Labels
  readonly label_file?: readonly string[]
  readonly links?: readonly string[]
  readonly logging?: { readonly driver?: string; readonly options?: Labels }
  readonly mem_limit?: string
  readonly mem_reservation?: string
  readonly memswap_limit?: string
  readonly mem_swappiness?: string
  readonly mac_address?: string
  readonly models?: unknown
  readonly network_mode?: string
  readonly networks?: Readonly<Record<string, ServiceNetwork | null>>
  readonly oom_kill_disable?: boolean
  readonly oom_score_adj?: number
  readonly pid?: string
  readonly pids_limit?: number
  readonly platform?: string
  readonly ports?: readonly ServicePort[]
  readonly privileged?: boolean
  readonly pull_policy?: string
  readonly pull_refresh_after?: string
  readonly read_only?: boolean
  readonly restart?: string
  readonly runtime?: string
  readonly scale?: number
  readonly secrets?: readonly FileReference[]
  readonly security_opt?: readonly string[]
  readonly shm_size?: string
  readonly stdin_open?: boolean
  readonly stop_grace_period?: string
  readonly stop_signal?: string
  readonly storage_opt?: unknown
  readonly sysctls?: Labels
  readonly tmpfs?: readonly string[]
  readonly tty?: boolean
  readonly ulimits?: Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>
  readonly use_api_socket?: boolean
  readonly user?: string
  readonly userns_mode?: string
  readonly uts?: string
  readonly volumes?: readonly ServiceMount[]
  readonly volumes_from?: readonly string[]
  readonly working_dir?: string
  readonly post_start?: readonly Hook[]
  readonly pre_stop?: readonly Hook[]
}
