import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { imageOutput } from '../../src/builder/export/output.ts'
import type { BuildRequest, BuildResult } from '../../src/builder/build.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { testMille } from '../support/mille.ts'
import type { TestBuilder } from '../support/open-builder.ts'
import { openTestBuilder } from '../support/open-builder.ts'

let tool: TestBuilder
let context: string
before(async () => {
  tool = await openTestBuilder()
  context = mkdtempSync(join(tmpdir(), 'mille-budget-'))
  writeFileSync(join(context, 'big'), Buffer.alloc(3_000_000))
})
after(async () => {
  await tool[Symbol.asyncDispose]()
  rmSync(context, { recursive: true })
})

function build(lines: readonly string[], options: Partial<BuildRequest> = {}): Promise<BuildResult> {
  writeFileSync(join(context, 'Dockerfile'), ['FROM scratch', ...lines].join('\n'))
  return tool.build({ context: { kind: 'folder', path: context }, names: ['budget'], ...options })
}

test('an image over its budget moves no tag and names the largest parts with their files', async () => {
  const { id } = await build(['COPY Dockerfile /'])
  const lines = [
    'COPY Dockerfile /',
    'COPY big Dockerfile /opt/',
    'COPY big /again',
    'COPY Dockerfile /small',
  ]
  await assert.rejects(build(lines, { maxSize: 5_000_000 }), (error) => {
    assert.ok(isMilleError(error, 'IMAGE_OVER_BUDGET'))
    const { causes } = error.details as { causes: readonly { name: string; bytes: number; files: unknown }[] }
    assert.deepEqual(
      causes.map(({ name }) => name),
      ['COPY big Dockerfile /opt/', 'COPY big /again', 'COPY Dockerfile /'],
    )
    assert.match(error.message, /3MB {2}\/opt\/big\n/)
    assert.match(error.message, /\nthe image has 6\.\d+MB, 1\.\d+MB more than the 5MB it may have$/)
    return true
  })
  assert.equal(tool.store.images.find('docker.io/library/budget:latest')?.id, id)
  const fits = await build(lines, { maxSize: 7_000_000 })
  assert.equal(tool.store.images.find('docker.io/library/budget:latest')?.id, fits.id)
})

test('what squashing takes away does not count', async () => {
  const lines = ['COPY big /file', 'COPY Dockerfile /file']
  await assert.rejects(build(lines, { maxSize: 1_000_000 }), { code: 'IMAGE_OVER_BUDGET' })
  const outputs = [{ ...imageOutput, squash: true }]
  await build(lines, { maxSize: 1_000_000, outputs })
})

test('--max-size takes the units that sizes are listed in', () => {
  using mille = testMille()
  const run = (size: string): number => {
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY big /')
    return mille.run(['build', '-q', '--max-size', size, context]).code
  }
  assert.equal(run('3MB'), 1)
  assert.equal(run('3MiB'), 0)
})
