import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileNameOf } from './file-name.ts'

test('the name of a download: of the URL, else of the header, never a path', () => {
  const cases: [url: string, header: string | undefined, name: string][] = [
    ['http://h/a/b.txt?x=1#f', 'attachment; filename=other', 'b.txt'],
    ['http://h/a/b%20c', undefined, 'b c'],
    ['http://h/a/..%2f..%2fpasswd', undefined, 'passwd'],
    ['http://h/a/..%2f..', undefined, '__unnamed__'],
    ['http://h/%ff', undefined, '%ff'],
    ['http://h/', 'attachment; filename="../../etc/x y"', 'x y'],
    ['http://h/', 'attachment; filename=..\\..\\w.exe', 'w.exe'],
    ['http://h/', "attachment; filename=plain; filename*=UTF-8''%e2%82%ac", '€'],
    ['http://h/', 'attachment; filename=".."', '__unnamed__'],
    ['http://h/', 'attachment; filename="a\x00b"', '__unnamed__'],
    ['http://h', undefined, '__unnamed__'],
  ]
  for (const [url, header, name] of cases) assert.equal(fileNameOf(url, header), name, `${url} ${header}`)
})
