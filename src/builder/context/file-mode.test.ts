import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileTypes } from '../../linux/statx.ts'
import { applyMode, contextMode } from './file-mode.ts'

const { file, directory } = fileTypes

test('what only a umask decided is evened out, what was set on purpose stays', () => {
  const modes = [0o644, 0o664, 0o600, 0o755, 0o700, 0o770, 0o400, 0o444, 0o777, 0o4755, 0o1777]
  const expected = [0o644, 0o644, 0o644, 0o755, 0o755, 0o755, 0o400, 0o444, 0o777, 0o4755, 0o1777]
  assert.deepEqual(
    modes.map((mode) => contextMode(file | mode)),
    expected,
  )
  assert.equal(contextMode(directory | 0o700), 0o755)
})

test('--chmod in octal and in letters', () => {
  const cases: readonly [string, number, number][] = [
    ['640', file | 0o777, 0o640],
    ['u=rwX,go=rX', file | 0o600, 0o644],
    ['u=rwX,go=rX', file | 0o700, 0o755],
    ['u=rwX,go=rX', directory | 0o700, 0o755],
    ['a+x', file | 0o644, 0o755],
    ['go-rwx', file | 0o755, 0o700],
    ['g=u', file | 0o740, 0o770],
    ['u+s,+t', file | 0o755, 0o5755],
    ['+x-w', file | 0o644, 0o555],
  ]
  for (const [text, mode, expected] of cases) {
    assert.equal(applyMode(text, mode).toString(8), expected.toString(8), text)
  }
})
