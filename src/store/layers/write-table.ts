import { closeSync, openSync, writeSync } from 'node:fs'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { LayerTable } from './layer-table.ts'

/** To a new file, which is not synced: a table can be made again. */
export function writeTable(path: string, table: LayerTable): void {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      for (const bytes of table.encode())
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw fromNodeError(error, path)
  }
}
