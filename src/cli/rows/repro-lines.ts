import type { ReproDifference, ReproExcerpt, ReproReport } from '../../builder/repro/repro-report.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { escapeControl } from '../../util/errors.ts'
import { oneLine } from '../format/one-line.ts'
import { ellipsis } from './history-rows.ts'

const longestName = 200
const rowBytes = 16
/** Rows of bytes before and behind the one with the difference. */
const nearRows = 1

/** What a check of two builds says to people. */
export function reproLines(report: ReproReport): string {
  const { id, second, difference, inImage, earlier } = report
  if (difference === undefined) return `reproducible: two builds gave ${id}\n`
  return [
    `not reproducible: ${id} and ${second}`,
    ...differenceLines(difference),
    ...(inImage === undefined ? [] : ['it got into the image by', ...differenceLines(inImage, difference)]),
    ...(earlier === undefined ? [] : ['a step before it differed already', ...differenceLines(earlier)]),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

/** `shown`: its bytes are to be seen already. */
function differenceLines(difference: ReproDifference, shown?: ReproDifference): string[] {
  const { step, platform, part, first, second, offset } = difference
  const name = step && ellipsis(oneLine(step.name), longestName)
  const place = platform === undefined ? '' : `[${formatPlatform(platform)}] `
  return [
    ...(step === undefined ? [] : [`${place}${oneLine(step.file)}:${step.line}: ${name}`]),
    `  ${titleOf(difference)}`,
    ...(isSame(first, shown?.first) && isSame(second, shown?.second)
      ? []
      : [...excerptLines('first ', first, part, offset), ...excerptLines('second', second, part, offset)]),
  ]
}

function isSame(one: ReproExcerpt | undefined, other: ReproExcerpt | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.from === other.from && Buffer.from(one.bytes).equals(other.bytes)
}

function titleOf({ path = '', part, attribute, offset }: ReproDifference): string {
  const name = oneLine(path)
  switch (part) {
    case 'content':
      return `${name}: byte ${offset} differs`
    case 'name':
      return `${name}: another name`
    case 'presence':
      return `${name}: only in one of the builds`
    case 'order':
      return `${name}: in another order`
    case 'xattr':
      return `${name}: extended attribute ${oneLine(attribute ?? '')} differs`
    case 'config':
      return `image config: ${name} differs`
    case 'base':
      return 'the base is another image'
    case 'squashed':
      return 'the steps led to the same, but squashing them did not'
    case 'encoding':
      return `the same entries, but byte ${offset} of the layer differs`
    default:
      return `${name}: ${part} differs`
  }
}

function excerptLines(
  which: string,
  excerpt: ReproExcerpt | undefined,
  part: string,
  offset: number,
): string[] {
  if (excerpt === undefined) return [`    ${which}  (nothing)`]
  if (part !== 'content' && part !== 'encoding') return [`    ${which}  ${excerptText(excerpt)}`]
  const rows = hexRows(excerpt, offset)
  return rows.length === 0 ? [`    ${which}  (ends before)`] : rows.map((row) => `    ${which}  ${row}`)
}

/** Bytes as text: what is no UTF-8 or would act on a terminal as `\xNN`. */
export function excerptText({ bytes }: ReproExcerpt): string {
  return oneLine(Buffer.from(bytes).toString('utf8'))
}

/** As hexdump shows them: the row of the offset with one before and one behind. */
function hexRows({ from, bytes }: ReproExcerpt, offset: number): string[] {
  const middle = offset - (offset % rowBytes)
  const rows: string[] = []
  for (let at = middle - nearRows * rowBytes; at <= middle + nearRows * rowBytes; at += rowBytes) {
    const shown = bytes.subarray(Math.max(0, at - from), Math.max(0, at + rowBytes - from))
    if (at < 0 || shown.length === 0) continue
    // an excerpt may begin within a row
    const missing = Math.max(0, from - at)
    const hex = [...shown].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = [...shown].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
    const address = at.toString(16).padStart(8, '0')
    const pad = '   '.repeat(missing)
    rows.push(
      `${address}  ${`${pad}${hex}`.padEnd(rowBytes * 3 - 1)}  |${' '.repeat(missing)}${text.join('')}|`,
    )
  }
  return rows
}

/** The report as data: bytes as text and in hexadecimal. */
export function reproJson({ id, second, difference, inImage, earlier }: ReproReport): object {
  return {
    reproducible: difference === undefined,
    id,
    second,
    ...(difference && { difference: differenceJson(difference) }),
    ...(inImage && { inImage: differenceJson(inImage) }),
    ...(earlier && { earlier: differenceJson(earlier) }),
  }
}

function differenceJson({ platform, first, second, ...rest }: ReproDifference): object {
  const excerpt = (one: ReproExcerpt | undefined): object | null =>
    one === undefined
      ? null
      : {
          from: one.from,
          text: escapeControl(Buffer.from(one.bytes).toString('utf8')),
          hex: Buffer.from(one.bytes).toString('hex'),
        }
  return {
    ...rest,
    ...(platform && { platform: formatPlatform(platform) }),
    first: excerpt(first),
    second: excerpt(second),
  }
}
