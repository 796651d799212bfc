import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareLocks, emptyLock, formatLock, parseLock } from './lock-file.ts'
import { Pins } from './pins.ts'

const a = `sha256:${'a'.repeat(64)}`
const b = `sha256:${'b'.repeat(64)}`
const commit = 'c'.repeat(40)

test('the text is sorted, and reads back as the same', () => {
  const lock = { git: {}, images: { 'x/z:1': b, 'x/a:1': a }, urls: { 'https://h/f': a } }
  const text = formatLock(lock)
  assert.equal(
    text,
    `{
  "version": 1,
  "git": {},
  "images": {
    "x/a:1": "${a}",
    "x/z:1": "${b}"
  },
  "urls": {
    "https://h/f": "${a}"
  }
}
`,
  )
  assert.equal(formatLock(parseLock(Buffer.from(text), 'f')), text)
})

test('what is new, gone or otherwise', () => {
  const before = { ...emptyLock, images: { gone: a, same: a, other: a } }
  const after = { ...emptyLock, images: { same: a, other: b, new: b }, git: { g: commit } }
  assert.deepEqual(compareLocks(before, after), [
    { kind: 'git', name: 'g', after: commit },
    { kind: 'images', name: 'gone', before: a },
    { kind: 'images', name: 'new', after: b },
    { kind: 'images', name: 'other', before: a, after: b },
  ])
})

test('a file that is not understood whole is refused by name', () => {
  const texts = [
    ['', 'Dockerfile.lock cannot be used: invalid JSON: syntax error at line 1, column 1'],
    ['[]', 'Dockerfile.lock cannot be used: it is no JSON object'],
    ['{"version":2}', 'Dockerfile.lock cannot be used: its version is 2, known is 1'],
    ['{"version":1,"git":[]}', 'Dockerfile.lock cannot be used: "git" is no object'],
    [
      '{"version":1,"images":{"x:1":"latest"}}',
      'Dockerfile.lock cannot be used: the value of "x:1" in "images" is not what is kept there',
    ],
  ] as const
  for (const [text, message] of texts)
    assert.throws(() => parseLock(Buffer.from(text), 'Dockerfile.lock'), { code: 'LOCK_INVALID', message })
})

test('names are looked up as builds mean them; a name that says what it is needs no pin', () => {
  const images = { 'docker.io/library/busybox:latest': a }
  const git = { 'https://h/r.git#main': commit }
  const urls = { 'https://u:***@h/f': b }
  const pins = new Pins({ git, images, urls }, 'Dockerfile.lock')
  assert.equal(pins.image('busybox'), a)
  assert.equal(pins.image(`busybox@${b}`), undefined)
  assert.equal(pins.checksum('https://u:secret@h/f'), b)
  const reference = { remote: 'https://h/r.git', protocol: 'https', host: 'h' } as const
  assert.equal(pins.commit({ ...reference, ref: 'main' }), commit)
  assert.equal(pins.commit({ ...reference, ref: commit }), undefined)
  assert.throws(() => pins.commit(reference), {
    code: 'LOCK_INCOMPLETE',
    message: 'https://h/r.git is not in Dockerfile.lock: bring it up to date with mille lock update',
  })
  assert.throws(() => pins.checksum('toString'), { code: 'LOCK_INCOMPLETE' })
})
