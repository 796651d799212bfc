import { createReadStream } from 'node:fs'
import { checkLayerEntry } from '../../tar/check-entry.ts'
import { TarParser } from '../../tar/parser.ts'
import type { LayerTable } from './layer-table.ts'
import { type StoredEntry, toStoredEntry } from './stored-entry.ts'

/** Reads the headers of a layer tar that is in the store already. */
export async function scanLayer(path: string): Promise<LayerTable> {
  const entries: StoredEntry[] = []
  const parser = new TarParser({
    entry: (entry) => {
      const stored = toStoredEntry(checkLayerEntry(entry))
      if (stored !== undefined) entries.push(stored)
    },
  })
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 }) as AsyncIterable<Buffer>) {
    size += chunk.length
    parser.push(chunk)
  }
  parser.end()
  return { size, entries }
}
