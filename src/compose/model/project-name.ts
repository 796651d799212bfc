import { fillIn } from './file-draft.ts'
import type { ReadFile } from './read-file.ts'
import { isMapping, type Place } from './shape.ts'
import { readYaml } from './yaml-tree.ts'

interface NameOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly readFile: ReadFile
}

/** The `name:` of a compose file, with its variables filled in. */
export async function readProjectName(
  file: string,
  folder: string,
  { environment, readFile }: NameOptions,
): Promise<string | undefined> {
  let name: string | undefined
  for (const tree of readYaml(await readFile(file), file)) {
    const written = isMapping(tree.value) ? tree.value['name'] : undefined
    if (typeof written !== 'string') continue
    const place: Place = { path: 'name', source: { file, folder, ...tree } }
    const lookup = (key: string): string | undefined => environment[key]
    const filled = String(
      fillIn({ ...tree, value: written }, place, { file, folder, lookup, warn: () => undefined }),
    )
    if (filled !== '') name = filled
  }
  return name
}
