import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore } from '../../src/store/open-store.ts'
import { readText } from '../../src/util/read-text.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { type TestMille, testMille } from '../support/mille.ts'

// What is wrong with a Dockerfile only once variables, bases, files or programs are known (table D-F): each folder is
// a context, `arguments` its flags, and `result.txt` all that the command says, with its exit code. What the text alone
// shows has its folders in src/dockerfile/testdata/negative. UPDATE_GOLDEN=1 writes the results anew.
const update = process.env['UPDATE_GOLDEN'] === '1'
const folders = join(import.meta.dirname, 'bad-dockerfiles')
let mille: TestMille

before(async () => {
  mille = testMille()
  await using store = await openStore(mille.root)
  await makeBusyboxImage(store)
})
after(() => mille[Symbol.dispose]())

for (const name of readdirSync(folders)) {
  test(name, () => {
    const folder = join(folders, name)
    const file = join(folder, 'arguments')
    const flags = existsSync(file) ? readText(file).trim().split('\n') : []
    const { code, err } = mille.run(['build', '--network=none', '--progress=plain', ...flags, '.'], {
      cwd: folder,
    })
    // the steps' own lines have times in them
    const said = err.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const text = `${said.join('\n')}\nexit code ${code}\n`.replace(/(mille debug) [0-9a-f]{12}/, '$1 <id>')
    const golden = join(folder, 'result.txt')
    if (update) writeFileSync(golden, text)
    assert.equal(text, existsSync(golden) ? readText(golden) : '')
  })
}
