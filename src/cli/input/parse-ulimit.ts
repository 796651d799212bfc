import { suggest } from '../../util/suggest.ts'

export interface UlimitRequest {
  readonly name: string
  /** Infinity is unlimited. */
  readonly soft: number
  readonly hard: number
}

/** Source: getrlimit(2). */
const names =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ')

/** `--ulimit NAME=SOFT[:HARD]`, -1 for unlimited. Throws a plain Error. */
export function parseUlimit(text: string): UlimitRequest {
  const match = /^([^=]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text)
  if (!match) throw new Error(`invalid ulimit argument: ${text}: must be name=soft[:hard]`)
  const [, name = '', first = '', second = first] = match
  if (!names.includes(name)) {
    const near = suggest(name, names)
    const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`
    throw new Error(`invalid ulimit type: ${name}: ${hint}`)
  }
  const count = (value: string): number => (value === '-1' ? Infinity : Number(value))
  const [soft, hard] = [count(first), count(second)]
  if (soft > hard)
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
  return { name, soft, hard }
}
