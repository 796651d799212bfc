import type { RestartPolicy } from '../../containers/containers.ts'

/** `NAME[:MAX]`; the engine knows which names there are. Throws a plain Error. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [name = '', count, ...more] = text.split(':')
  if (count !== undefined && name === '')
    throw new Error('invalid restart policy format: no policy provided before colon')
  if (more.length > 0 || (count !== undefined && !/^[+-]?\d+$/.test(count)))
    throw new Error('invalid restart policy format: maximum retry count must be an integer')
  return { name: (name || 'no') as RestartPolicy['name'], maximumRetryCount: Number(count ?? 0) }
}
