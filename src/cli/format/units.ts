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
