import type { ContainerDetails, ContainerState } from '../../containers/containers.ts'
import { humanDuration } from '../../util/human-duration.ts'

/** What runs, as one line: arguments with spaces are quoted. */
export function commandText({ path, args }: ContainerDetails): string {
  return [path, ...args].map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')
}

/** `Up 3 minutes`, `Exited (0) 2 seconds ago`. */
export function statusText(state: ContainerState, now: number): string {
  const since = (time: number): string => humanDuration(now - time)
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}${state.unsupervised === true ? ' (unsupervised)' : ''}${healthText(state)}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'created':
      return 'Created'
  }
}

/** ` (healthy)`, ` (health: starting)`. */
function healthText({ health }: ContainerState): string {
  if (health === undefined) return ''
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`
}
