import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { messageOf } from '../../util/errors.ts'
import { readVariables } from './read-variables.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-variables-'))
after(() => {
  rmSync(folder, { recursive: true })
})
const path = join(folder, 'file')

async function read(content: string, what: 'env' | 'label' = 'env'): Promise<readonly string[] | string> {
  writeFileSync(path, content, 'latin1')
  return readVariables(path, what, { HOME: '/root' }).catch((error: unknown) =>
    messageOf(error).replace(`invalid ${what} file (${path}): `, ''),
  )
}

test('takes names and values as Docker does', async () => {
  assert.deepEqual(await read('  A=1  \r\n\n# no\n  # no\nHOME\nNONE\nEMPTY=\nB=a=b c\n'), [
    'A=1  ',
    'HOME=/root',
    'EMPTY=',
    'B=a=b c',
  ])
  assert.deepEqual(await read('HOME\na.b=1\n', 'label'), ['HOME', 'a.b=1'])
})

test('refuses what is no variable, with its line', async () => {
  assert.equal(await read('\nA B=1\n'), "line 2: variable 'A B' contains whitespaces")
  assert.equal(await read('A =1\n'), "line 1: variable 'A ' contains whitespaces")
  assert.equal(await read('HOME \n'), "line 1: variable 'HOME ' contains whitespaces")
  assert.equal(await read('=x\n', 'label'), "line 1: no variable name on line '=x'")
  assert.equal(await read('A=1\nB=\xff\n'), 'line 2: not valid UTF-8')
  assert.equal(await read('A\0B=1\n'), 'line 1: a NUL byte')
})
