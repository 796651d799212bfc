import { mode } from './scalars.ts'
import { loose, record, type Shape, shortOr, text } from './shape.ts'

/** A secret or config where a container or a build has it. */
export interface FileReference {
  readonly source: string
  readonly target?: string
  readonly uid?: string
  readonly gid?: string
  readonly mode?: string
}

export const fileReferenceShape: Shape<FileReference> = shortOr(
  record<FileReference>(
    { source: text, target: text, uid: loose, gid: loose, mode },
    { required: ['source'] },
  ),
  (value, place) => ({ source: text.read(value, place) }),
)
