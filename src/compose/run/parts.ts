import type { Engine } from '../../engine/engine.ts'
import type { Platform } from '../../oci/platform.ts'
import type { BuildArguments } from './build-arguments.ts'

export type ObjectKind = 'Container' | 'Network' | 'Volume' | 'Image'

/** What running a project needs: the engine, and somebody who shows what happens. */
export interface ComposeParts {
  readonly engine: Pick<Engine, 'containers' | 'images' | 'networks' | 'volumes'>
  /** `Container shop-web-1  Started`. */
  readonly report: (kind: ObjectKind, name: string, state: string) => void
  readonly warn: (text: string) => void
  readonly build: (service: string, build: BuildArguments) => Promise<void>
  readonly pull: (image: string, platform: Platform | undefined) => Promise<void>
  readonly signal: AbortSignal
  /** Milliseconds since the epoch. */
  readonly now: () => number
}
