/** How long something took or is ago, in Docker's words: `About a minute`, `3 days`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`
}

const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/** Memory sizes of flags: `512m`, `1.5g`, `1GiB`, binary units; throws a plain Error with the reason. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text)
  if (!match) throw new Error(`invalid size: '${text}'`)
  return Math.trunc(Number(match[1]) * (multipliers[(match[2] ?? '').toLowerCase()] ?? 1))
}

const powers = ['', 'k', 'm', 'g', 't', 'p']

/** Sizes of images: decimal units as in lists, `120MB`, or binary ones by their name, `1GiB`. Throws a plain Error. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(i?)b?$/i.exec(text)
  if (!match) throw new Error(`invalid size: '${text}' (120MB, 1.5GB, 800MiB)`)
  const [, number = '', unit = '', binary] = match
  return Math.trunc(Number(number) * (binary === '' ? 1000 : 1024) ** powers.indexOf(unit.toLowerCase()))
}

/** `2026-11-21 08:21:12 +0000 UTC`, in the local time zone. */
export function goTime(milliseconds: number): string {
  const date = new Date(milliseconds)
  const offset = -date.getTimezoneOffset()
  const local = new Date(milliseconds + offset * 60_000).toISOString()
  const zone = offsetText(offset, '')
  const name = offset === 0 ? 'UTC' : zoneName(date)
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${zone} ${name}`
}

/** RFC 3339 in the local time zone, whole seconds: `2026-11-21T08:21:12Z`. */
export function localRfc3339(milliseconds: number): string {
  const offset = -new Date(milliseconds).getTimezoneOffset()
  const local = new Date(milliseconds + offset * 60_000).toISOString().slice(0, 19)
  return offset === 0 ? `${local}Z` : `${local}${offsetText(offset, ':')}`
}

function offsetText(offset: number, colon: string): string {
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0')
  const size = Math.abs(offset)
  return `${offset < 0 ? '-' : '+'}${two(size / 60)}${colon}${two(size % 60)}`
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

/** RFC 3339 with nanoseconds, trailing zeros kept: columns stay straight. */
export function nanoTime(time: bigint): string {
  const seconds = new Date(Number(time / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`
}
