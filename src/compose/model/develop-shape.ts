import { path } from './scalars.ts'
import type { Hook } from './service.ts'
import { hookShape } from './hook-shape.ts'
import { listOf, listOrOne, mapped, record, type Shape, text, toggle, word } from './shape.ts'

/** What is to happen in a service's containers when files change. */
export interface WatchRule {
  readonly path: string
  readonly action: 'sync' | 'rebuild' | 'restart' | 'sync+restart' | 'sync+exec'
  readonly target?: string
  /** `command` null: none. */
  readonly exec: Omit<Partial<Hook>, 'command'> & { readonly command: readonly string[] | null }
  readonly include?: readonly string[]
  readonly ignore?: readonly string[]
  readonly initial_sync?: boolean
}

export interface Develop {
  readonly watch?: readonly WatchRule[]
}

type Given = Omit<WatchRule, 'exec'> & { readonly exec?: Hook }

const rule: Shape<WatchRule> = mapped(
  record<Given>(
    {
      path,
      action: word('sync', 'rebuild', 'restart', 'sync+restart', 'sync+exec'),
      target: text,
      exec: hookShape,
      include: listOrOne(text),
      ignore: listOrOne(text),
      initial_sync: toggle,
    },
    { required: ['path', 'action'] },
  ),
  ({ exec, ...given }) => ({ ...given, exec: exec ?? { command: null } }),
)

export const developShape: Shape<Develop> = record<Develop>({ watch: listOf(rule) })
