import { readIfThere } from '../../util/read-text.ts'
import { failure } from '../../util/errors.ts'

/** The number of a group of this machine, by name or as it is. CLI_FAILED. Source: group(5). */
export function groupId(group: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group)
  for (const line of readIfThere('/etc/group').split('\n')) {
    const [name, , number = ''] = line.split(':')
    if (name === group && /^\d+$/.test(number)) return Number(number)
  }
  throw failure('CLI_FAILED', { reason: `group ${group} not found` })
}
