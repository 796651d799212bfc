import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readText } from '../util/read-text.ts'
import type { Warning } from './ast.ts'
import type { BaseFacts } from './check-scope.ts'
import { recheck } from './checks.ts'
import { parseIgnore } from './ignore.ts'
import { parseDockerfile } from './parser.ts'
import { platformArgValues } from './predefined-args.ts'
import { checkRules } from './rules.ts'

// Each folder has the lines that its rule must find and those it must not; the results were compared with what
// `docker build --check` says of the same files. UPDATE_GOLDEN=1 writes them anew.
const update = process.env['UPDATE_GOLDEN'] === '1'
const testdata = join(import.meta.dirname, 'testdata', 'checks')

const amd64 = { os: 'linux', architecture: 'amd64' }
const base: BaseFacts = { env: new Map([['PATH', '/bin']]), args: new Set(), hasShell: false }
const foreign: BaseFacts = { ...base, platform: { found: 'linux/arm64', expected: 'linux/amd64' } }

function check(folder: string, factsFollow = false): Warning[] {
  const dockerfile = parseDockerfile(readText(join(folder, 'Dockerfile')), { factsFollow })
  const bases = dockerfile.stages.map(
    (stage) => [stage.index, stage.base.text === 'foreign' ? foreign : base] as const,
  )
  const ignore = join(folder, 'ignore')
  return recheck(dockerfile, {
    bases: new Map(bases),
    buildArgs: new Map(),
    globals: platformArgValues(amd64, amd64, 'stage'),
    ...(existsSync(ignore) ? { ignore: parseIgnore(readText(ignore), '.dockerignore') } : {}),
  })
}

function toText({ line, rule, message, note, hint }: Warning): string {
  return `${line} ${hint === undefined ? '' : `(${hint} hint) `}${rule}: ${message}${note ? ` [${note}]` : ''}\n`
}

const folders = readdirSync(testdata)

for (const name of folders) {
  test(`check ${name}`, () => {
    const folder = join(testdata, name)
    const text = check(folder).map(toText).join('')
    const file = join(folder, 'result.txt')
    if (update) writeFileSync(file, text)
    assert.equal(text, existsSync(file) ? readText(file) : '')
    assert.equal(check(folder, true).map(toText).join(''), text)
  })
}

test('every rule of Docker has its folder, and is found there', () => {
  for (const { name, hint } of checkRules) {
    if (hint !== undefined) continue
    assert.ok(
      check(join(testdata, name)).some(({ rule }) => rule === name),
      name,
    )
  }
})
