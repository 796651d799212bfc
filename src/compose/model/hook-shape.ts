import type { Hook } from './service.ts'
import { invalid, listOf, loose, pairs, record, type Shape, text, toggle } from './shape.ts'
import { splitWords } from './split-words.ts'

/** A command line, or its words. */
export const commandShape: Shape<readonly string[]> = {
  read: (value, place) => {
    if (typeof value !== 'string') return listOf(text).read(value, place)
    const words = splitWords(value)
    if (words === undefined) throw invalid(place, `${place.path}: invalid command line string`)
    return words
  },
}

export const hookShape: Shape<Hook> = record<Hook>(
  { command: commandShape, user: loose, privileged: toggle, working_dir: text, environment: pairs(null) },
  { required: ['command'] },
)
