import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { parseDockerfile } from './parser.ts'
import { readText } from '../util/read-text.ts'

// UPDATE_GOLDEN=1 writes the results anew; read the diff before committing it.
const update = process.env['UPDATE_GOLDEN'] === '1'
const testdata = join(import.meta.dirname, 'testdata')

function compare(file: string, actual: string): void {
  if (update) writeFileSync(file, actual)
  assert.equal(actual, existsSync(file) ? readText(file) : '')
}

/** Ranges as `line:column-line:column`, so that results can be read. */
function toText(value: unknown): string {
  const shorten = (key: string, item: unknown): unknown => {
    if (key === 'source') return undefined
    if (typeof item !== 'object' || item === null || !('start' in item) || !('end' in item)) return item
    const { start, end } = item as Record<string, { line: number; column: number }>
    return `${start?.line}:${start?.column}-${end?.line}:${end?.column}`
  }
  return `${JSON.stringify(value, shorten, 1)}\n`
}

const folders = readdirSync(testdata).filter((name) => name !== 'negative' && name !== 'checks')
for (const name of folders) {
  test(`parses ${name}`, () => {
    const folder = join(testdata, name)
    compare(join(folder, 'result.json'), toText(parseDockerfile(readFileSync(join(folder, 'Dockerfile')))))
  })
}

for (const name of ['python-slim', 'ubuntu-apt-pip', 'node-alpine', 'three-stage', 'flask-syntax']) {
  test(`${name} is parsed without complaint`, () => {
    const { warnings } = parseDockerfile(readFileSync(join(testdata, name, 'Dockerfile')))
    assert.deepEqual(
      warnings.filter(({ hint }) => !hint),
      [],
    )
  })
}

for (const name of readdirSync(join(testdata, 'negative'))) {
  test(`refuses ${name}`, () => {
    const folder = join(testdata, 'negative', name)
    assert.throws(
      () => parseDockerfile(readFileSync(join(folder, 'Dockerfile'))),
      (error) => {
        assert.ok(isMilleError(error, 'DOCKERFILE_INVALID', 'DOCKERFILE_FLAG_UNSUPPORTED'))
        compare(join(folder, 'result.txt'), `${error.message}\n`)
        return true
      },
    )
  })
}
