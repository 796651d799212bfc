import { checkLayerEntry } from '../../tar/check-entry.ts'
import { TarParser } from '../../tar/parser.ts'
import { checkLinks } from './check-links.ts'
import type { LayerTable } from './layer-table.ts'
import { TableBuilder } from './table-builder.ts'
import { toStoredEntry } from './stored-entry.ts'

/** Takes a layer tar in pieces and reads its headers. Fails with LAYER_* for what the attack table forbids. */
export class TableRecorder {
  readonly #table = new TableBuilder()
  readonly #parser = new TarParser({
    entry: (entry) => {
      const stored = toStoredEntry(checkLayerEntry(entry))
      if (stored !== undefined) this.#table.add(stored)
    },
  })
  #size = 0

  push(chunk: Buffer): void {
    this.#size += chunk.length
    this.#parser.push(chunk)
  }

  end(): LayerTable {
    this.#parser.end()
    const table = this.#table.finish(this.#size)
    checkLinks(table.entries())
    return table
  }
}

/** As `TableRecorder`, for bytes that may be anything: there is no table of what is no layer tar. */
export class TableAttempt {
  #recorder: TableRecorder | undefined = new TableRecorder()

  push(chunk: Buffer): void {
    try {
      this.#recorder?.push(chunk)
    } catch {
      this.#recorder = undefined
    }
  }

  end(): LayerTable | undefined {
    try {
      const table = this.#recorder?.end()
      return table === undefined || table.count === 0 ? undefined : table
    } catch {
      return undefined
    }
  }
}
