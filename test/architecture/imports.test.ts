import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/** Folders of src, floor by floor: a file may import its own folder and folders on lower floors, nothing else. */
const floors: readonly (readonly string[])[] = [
  ['util'],
  ['oci', 'tar', 'dockerfile', 'linux', 'erofs'],
  ['store', 'registry', 'runtime'],
  ['images', 'builder', 'containers'],
  ['engine'],
  ['api', 'compose'],
  ['cli'],
]

const source = resolve(import.meta.dirname, '../../src')
const floorOf = new Map(floors.flatMap((folders, floor) => folders.map((folder) => [folder, floor] as const)))

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8')
  const statement =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"\n]*?(?:\n[^'"]*?)?from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g
  return [...text.matchAll(statement)].map((match) => ({
    from: file,
    to: relative(source, resolve(source, dirname(file), match[2] ?? match[3] ?? '')),
    typeOnly: match[1] !== undefined,
  }))
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)
/** Tests beside the code may use what test/support offers; product code may not. */
const imports = files
  .flatMap(importsOf)
  .filter(({ from, to }) => !(from.endsWith('.test.ts') && to.startsWith('../test/support/')))
const folderOf = (file: string): string => file.split('/')[0] ?? ''

test('every folder of src stands on a floor', () => {
  const folders = new Set(files.filter((file) => file.includes('/')).map(folderOf))
  assert.deepEqual(
    [...folders].filter((folder) => !floorOf.has(folder)),
    [],
  )
})

test('imports go down the floors only, never up and never sideways', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!from.includes('/') || folderOf(from) === folderOf(to)) return false
    return (floorOf.get(folderOf(to)) ?? Infinity) >= (floorOf.get(folderOf(from)) ?? -1)
  })
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} -> ${to}`),
    [],
  )
})

test('no import cycles between files', () => {
  const graph = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  )
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const { to } of graph.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  assert.deepEqual(cycles, [])
})

test('every relative import names an existing file', () => {
  const known = new Set(files)
  assert.deepEqual(
    imports.filter(({ to }) => !known.has(to)).map(({ from, to }) => `${from} -> ${to}`),
    [],
  )
})
