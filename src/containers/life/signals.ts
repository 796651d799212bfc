import { constants } from 'node:os'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'

const names = constants.signals as Readonly<Record<string, number>>
/** Real-time signals have no names in Node. Source: signal(7). */
const firstRealTime = 34
const lastRealTime = 64

/** `SIGTERM`, `term`, `15`, `RTMIN+3`; SIGNAL_INVALID with the nearest name. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '')
  if (/^\d+$/.test(name)) {
    const number = Number(name)
    if (number >= 1 && number <= lastRealTime) return number
  }
  const realTime = /^RT(MIN\+|MAX-)(\d+)$/.exec(name)
  if (realTime) {
    const offset = Number(realTime[2])
    const number = realTime[1] === 'MIN+' ? firstRealTime + offset : lastRealTime - offset
    if (number >= firstRealTime && number <= lastRealTime) return number
  }
  const known = names[`SIG${name}`]
  if (known !== undefined) return known
  const near = suggest(
    name,
    Object.keys(names).map((key) => key.slice(3)),
  )
  throw failure('SIGNAL_INVALID', {
    signal: text,
    hint: near === undefined ? '' : ` (did you mean SIG${near}?)`,
  })
}
