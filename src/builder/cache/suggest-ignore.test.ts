import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileList } from './file-list.ts'
import { suggestIgnore } from './suggest-ignore.ts'

const fileLine = (content: string): string => `32768 420 ${content}`
const folderLine = '16384 493 '

interface Case {
  readonly changed: readonly string[]
  readonly patterns?: readonly string[]
  readonly sources?: readonly string[]
}

function lineFor({ changed, patterns = [], sources = ['.'] }: Case): string | undefined {
  const common = ['src/a.ts', 'Dockerfile', '.git/HEAD', 'app/node_modules/x/index.js']
  const list = (content: string): FileList =>
    FileList.from([
      ['src', folderLine],
      ...common.map((path) => [path, fileLine('same')] as const),
      ...changed.map((path) => [path, fileLine(content)] as const),
    ])
  const ignore = { file: '.dockerignore', patterns, own: ['Dockerfile', '.dockerignore'] }
  return suggestIgnore({ ignore, sources }, list('before'), list('after'))?.line
}

test('one line that covers all that changed is found', () => {
  assert.equal(lineFor({ changed: ['.git/HEAD', '.git/index'] }), '.git')
  assert.equal(lineFor({ changed: ['app/node_modules/x/index.js'] }), 'app/node_modules')
  assert.equal(lineFor({ changed: ['a/node_modules/x', 'b/node_modules/y'] }), '**/node_modules')
  assert.equal(lineFor({ changed: ['debug.log'] }), '*.log')
  assert.equal(lineFor({ changed: ['debug.log', 'src/x.log'] }), '**/*.log')
  assert.equal(lineFor({ changed: ['Dockerfile'] }), 'Dockerfile')
  assert.equal(lineFor({ changed: ['.git/HEAD'], patterns: ['!.git/HEAD'] }), '.git')
})

test('none is proposed for files that an image may be made of, or that a step names', () => {
  assert.equal(lineFor({ changed: ['src/a.ts'] }), undefined)
  assert.equal(lineFor({ changed: ['.git/HEAD', 'src/a.ts'] }), undefined)
  assert.equal(lineFor({ changed: ['.git/HEAD'], sources: ['.', '.git/HEAD'] }), undefined)
  assert.equal(lineFor({ changed: ['debug.log'], sources: ['.', '*.log'] }), undefined)
  assert.equal(lineFor({ changed: ['.git/HEAD', 'debug.log'] }), undefined)
})

test('a folder that only came with the files is no reason to stay uncached', () => {
  const before = FileList.from([['src/a.ts', fileLine('x')]])
  const ignore = { file: '.dockerignore', patterns: [], own: [] }
  const under = (folder: string): FileList =>
    FileList.from([...before, [folder, folderLine], [`${folder}/x.log`, fileLine('y')]])
  assert.equal(suggestIgnore({ ignore, sources: ['.'] }, before, under('logs'))?.line, 'logs')
  // the folder itself would stay in the image
  assert.equal(suggestIgnore({ ignore, sources: ['.'] }, before, under('results')), undefined)
})
