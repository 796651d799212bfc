// prune-types.ts FOLDER: removes the declarations that none of the library's entries, which lie at the top, leads to.
// tsc writes one for every module that the code needs; the types alone need a tenth of them.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const folder = resolve(process.argv[2] ?? '.')
const needed = new Set<string>()

function keep(file: string): void {
  if (needed.has(file)) return
  needed.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, path] of text.matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.ts['"]/g)) {
    keep(resolve(dirname(file), `${path}.d.ts`))
  }
}

for (const name of readdirSync(folder)) {
  if (name.endsWith('.d.ts')) keep(join(folder, name))
}
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  if (entry.isFile() && !needed.has(path)) rmSync(path)
}
