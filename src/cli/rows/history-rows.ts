import type { HistoryRow } from '../../images/images.ts'
import { shortId } from '../../oci/digest.ts'
import { humanSize } from '../../util/human-size.ts'
import type { RowFields } from '../format/print-rows.ts'
import { localRfc3339 } from '../format/units.ts'
import { humanDuration } from '../../util/human-duration.ts'

export const historyHeaders = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
}

/** Rows of `history`, newest first as given. `human`: times as `3 days ago`, sizes with units. */
export function historyRows(
  rows: readonly HistoryRow[],
  options: { readonly now: number; readonly noTrunc: boolean; readonly human: boolean },
): RowFields[] {
  return rows.map((row) => {
    const createdBy = row.createdBy.replaceAll('\t', ' ')
    const id = row.id === undefined ? '<missing>' : options.noTrunc ? row.id : shortId(row.id)
    return {
      ID: id,
      CreatedSince: `${humanDuration(options.now - row.createdAt)} ago`,
      CreatedAt: localRfc3339(row.createdAt),
      CreatedBy: options.noTrunc ? createdBy : ellipsis(createdBy, 45),
      Size: options.human ? humanSize(row.size, 3) : String(row.size),
      Comment: row.comment,
    }
  })
}

/** At most `length` characters, the last an ellipsis when some are missing. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`
}
