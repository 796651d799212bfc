import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { checkCommand } from './command-check.ts'

const root = mkdtempSync(join(tmpdir(), 'mille-command-'))
after(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, 'bin'))
copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
symlinkSync('/bin/busybox', join(root, 'bin/sh'))

function place(name: string, content: string | Buffer, mode = 0o755): string {
  writeFileSync(join(root, name), content)
  chmodSync(join(root, name), mode)
  return `/${name}`
}

function elf(change: (header: Buffer) => void): Buffer {
  const header = Buffer.alloc(64 + 56 + 32)
  header.write('\x7fELF\x02\x01\x01', 'latin1')
  header.writeUInt16LE(process.arch === 'x64' ? 62 : 183, 18)
  header.writeBigUInt64LE(64n, 32)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(1, 56)
  header.writeUInt32LE(3, 64)
  header.writeBigUInt64LE(120n, 64 + 8)
  header.writeBigUInt64LE(17n, 64 + 32)
  header.write('/lib/no-such-ld.so', 120)
  change(header)
  return header
}

function check(args: string[], options: { uid?: number; mountTargets?: string[] } = {}): string {
  const { uid = 0, mountTargets = [] } = options
  try {
    checkCommand({
      rootfs: root,
      args,
      env: ['PATH=/bin:/usr/bin'],
      cwd: '/',
      user: { uid, gid: uid, groups: [uid], home: '/' },
      mountTargets,
    })
    return 'ok'
  } catch (error) {
    return isMilleError(error) ? `${error.code}: ${error.message}` : String(error)
  }
}

test('a command is found by name, by path, and through a link that is absolute inside the root', () => {
  assert.equal(check(['sh']), 'ok')
  assert.equal(check(['/bin/sh']), 'ok')
  assert.equal(check(['bin/busybox']), 'ok')
})

test('a missing one is 127 material and named', () => {
  assert.equal(check(['nosuch']), 'COMMAND_NOT_FOUND: exec: "nosuch": executable file not found in $PATH')
  assert.match(check(['/no/such']), /^COMMAND_NOT_FOUND: exec: "\/no\/such": stat \/no\/such: no such file/)
  assert.match(check([]), /^COMMAND_NOT_FOUND: .*no command specified/)
})

test('a folder and a file without execute permission are 126 material', () => {
  assert.match(check(['/bin']), /^COMMAND_NOT_EXECUTABLE: .*is a directory/)
  assert.match(check([place('plain', 'x', 0o644)]), /^COMMAND_NOT_EXECUTABLE: .*permission denied/)
  assert.match(check([place('owner-only', '#!/bin/sh\n', 0o700)], { uid: 7 }), /permission denied/)
})

test('a missing interpreter and a missing dynamic loader are named', () => {
  assert.match(
    check([place('script', '#! /bin/bash -e\n')]),
    /^COMMAND_NOT_FOUND: .*interpreter \/bin\/bash does not exist/,
  )
  assert.equal(check([place('good-script', '#!/bin/sh\n')]), 'ok')
  assert.match(
    check([
      place(
        'dynamic',
        elf(() => {}),
      ),
    ]),
    /^COMMAND_NOT_FOUND: .*dynamic loader \/lib\/no-such-ld.s/,
  )
})

test('a binary of another machine is said to be one', () => {
  const foreign = place(
    'foreign',
    elf((header) => header.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18)),
  )
  assert.match(check([foreign]), /^COMMAND_NOT_EXECUTABLE: .*exec format error: built for (arm64|amd64)/)
  assert.match(check([place('text', 'echo hi\n')]), /^COMMAND_NOT_EXECUTABLE: .*exec format error/)
})

test('what a mount hides is left to the runtime', () => {
  assert.equal(check(['/data/tool'], { mountTargets: ['/data'] }), 'ok')
  assert.equal(check(['nosuch'], { mountTargets: ['/usr'] }), 'ok')
})
