import { createReadStream } from 'node:fs'
import type { LayerTable } from './layer-table.ts'
import { TableRecorder } from './table-recorder.ts'

/** Reads the headers of a layer tar that is in the store already. */
export async function scanLayer(path: string): Promise<LayerTable> {
  const recorder = new TableRecorder()
  for await (const chunk of createReadStream(path, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>)
    recorder.push(chunk)
  return recorder.end()
}
