import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { readText } from '../../util/read-text.ts'
import { loadProject } from './load-project.ts'
import { fileReader } from './read-file.ts'
import { renderJson } from './render.ts'
import { isMapping } from './shape.ts'

const testdata = join(import.meta.dirname, 'testdata')

/** docker compose 2.40 leaves an empty `volume` out of some mounts and not of others; it means nothing. */
function withoutEmptyVolume(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyVolume)
  if (!isMapping(value)) return value
  const entries = Object.entries(value).filter(
    ([key, item]) => key !== 'volume' || !isMapping(item) || Object.keys(item).length > 0,
  )
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutEmptyVolume(item)]))
}

/** `expected.json` is what `docker compose config --format json` (2.40.3) printed for the folder. */
for (const name of readdirSync(testdata)) {
  test(`the files of ${name} say what docker compose reads in them`, async () => {
    const folder = join(testdata, name)
    const project = await loadProject({
      files: [],
      profiles: name === 'profiles' ? ['all'] : [],
      envFiles: [],
      currentFolder: folder,
      env: { HOME: homedir() },
      readFile: fileReader(Readable.from([])),
      warn: () => undefined,
    })
    const text = renderJson(project, { escapes: true })
      .replaceAll(folder, '<here>')
      .replaceAll(testdata, '<up>')
      .replaceAll(homedir(), '<home>')
    assert.deepEqual(
      withoutEmptyVolume(JSON.parse(text)),
      withoutEmptyVolume(JSON.parse(readText(join(folder, 'expected.json')))),
    )
  })
}
