import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedFiles } from './compare-files.ts'
import { FileList } from './file-list.ts'

function changes(before: readonly string[], after: readonly string[]): string[] {
  const list = (files: readonly string[]): FileList =>
    FileList.from(files.map((file) => [file.slice(0, -2), file.slice(-1)] as const))
  return changedFiles(list(before), list(after)).map(
    ({ path, before: was = '-', after: now = '-' }) => `${path} ${was}${now}`,
  )
}

test('what was added, changed and removed is found, in the order of the new list', () => {
  assert.deepEqual(changes([], []), [])
  assert.deepEqual(changes(['a 1', 'b 1'], ['a 1', 'b 1']), [])
  assert.deepEqual(changes(['a 1', 'b 1', 'd 1'], ['a 2', 'c 1', 'd 2']), ['a 12', 'c -1', 'd 12', 'b 1-'])
  assert.deepEqual(changes([], ['b 1', 'a 1']), ['b -1', 'a -1'])
  assert.deepEqual(changes(['b 1', 'a 1'], []), ['b 1-', 'a 1-'])
  // in a walk, a folder's content comes before a sibling that only begins like it
  assert.deepEqual(changes(['a 1', 'a/x 1', 'a-b 1'], ['a 1', 'a-b 1']), ['a/x 1-'])
})

test('lists in another order are compared all the same', () => {
  assert.deepEqual(changes(['z 1', 'a 1', 'b 1'], ['a 1', 'b 2', 'z 1']), ['b 12'])
  assert.deepEqual(changes(['z 1', 'a 1'], ['a 1', 'z 2']), ['z 12'])
})

test('names that are no text come back as they were', () => {
  const files = [
    ['\uDCFF/x', 'l'],
    ['é', ''],
    ['long'.repeat(400_000), 'l'],
  ] as const
  assert.deepEqual([...FileList.from(files)], files)
  assert.equal(FileList.from(files).size, 3)
})
