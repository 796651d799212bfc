import type { CacheUsage } from '../../builder/build.ts'
import { humanSize } from '../../util/human-size.ts'
import { goTime } from '../format/units.ts'
import { humanDuration } from '../../util/human-duration.ts'
import type { RowFields } from '../format/print-rows.ts'

export const cacheHeaders: Readonly<Record<string, string>> = {
  ID: 'ID',
  Parents: 'PARENTS',
  CreatedAt: 'CREATED AT',
  Mutable: 'MUTABLE',
  Reclaimable: 'RECLAIMABLE',
  Shared: 'SHARED',
  Size: 'SIZE',
  Description: 'DESCRIPTION',
  UsageCount: 'USAGE COUNT',
  LastUsedAt: 'LAST ACCESSED',
  Type: 'TYPE',
}

const ago = (time: number, now: number): string => `${humanDuration(now - time)} ago`

/** Fields that `--format` can name. */
export function cacheRow(row: CacheUsage, now: number): RowFields {
  return {
    CreatedAt: goTime(row.createdAt),
    Description: row.description,
    ID: row.id,
    LastUsedAt: ago(row.lastUsedAt, now),
    Mutable: row.mutable,
    Parents: row.parents.length === 0 ? null : row.parents,
    Reclaimable: !row.inUse,
    Shared: row.shared,
    Size: humanSize(row.size),
    Type: row.type,
    UsageCount: row.uses,
  }
}

/** Fields of the table: a star behind the ID of what may change, behind the size of what an image has too. */
export function cacheTableRow(row: CacheUsage, now: number): RowFields {
  return {
    ...cacheRow(row, now),
    ID: row.mutable ? `${row.id}*` : row.id,
    Size: `${humanSize(row.size)}${row.shared ? '*' : ''}`,
  }
}

/** One paragraph a row, as `du --verbose` prints it. */
export function cacheDetails(row: CacheUsage, now: number): string {
  const parents = row.parents.length === 0 ? [] : ['Parents:', ...row.parents.map((parent) => ` - ${parent}`)]
  const line = (name: string, value: string): string => `${`${name}:`.padEnd(14)}${value}`
  return [
    line('ID', row.id),
    ...parents,
    line('Created at', goTime(row.createdAt)),
    line('Mutable', String(row.mutable)),
    line('Reclaimable', String(!row.inUse)),
    line('Shared', String(row.shared)),
    line('Size', humanSize(row.size)),
    line('Description', row.description),
    line('Usage count', String(row.uses)),
    line('Last used', ago(row.lastUsedAt, now)),
    line('Type', row.type),
    '',
    '',
  ].join('\n')
}

/** Rows that were removed, in the columns of buildx. */
export function removedTable(rows: readonly CacheUsage[], now: number): string {
  const head = 'ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED\n'
  const lines = rows.map((row) => {
    const { ID, Size } = cacheTableRow(row, now)
    return `${String(ID).padEnd(40)}\t${'true'.padEnd(5)}\t\t${String(Size).padEnd(10)}\t${ago(row.lastUsedAt, now)}\n`
  })
  return rows.length === 0 ? '' : head + lines.join('')
}
