import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { findPackages } from './find-packages.ts'
import { packageUrl } from './packages/package.ts'
import { spdxDocument } from './spdx.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mille-packages-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const urls = async (): Promise<string[]> => (await findPackages(root)).packages.map(packageUrl)

test('dpkg: installed packages only, with source and distribution', async () => {
  write('usr/lib/os-release', 'NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
  mkdirSync(join(root, 'etc'))
  symlinkSync('../usr/lib/os-release', join(root, 'etc/os-release'))
  write(
    'var/lib/dpkg/status',
    [
      'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc (2.36)\nVersion: 2.36-9+deb12u10\nMaintainer: GNU <g@d.org>\nDescription: x\n more: no field',
      'Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n',
      'Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:12.4',
    ].join('\n\n'),
  )
  write('var/lib/dpkg/status.d/tzdata', 'Package: tzdata\nVersion: 2024a\nArchitecture: all\n')
  assert.deepEqual(await urls(), [
    'pkg:deb/debian/base-files@1:12.4?arch=amd64&distro=debian-12',
    'pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12&upstream=glibc',
    'pkg:deb/debian/tzdata@2024a?arch=all&distro=debian-12',
  ])
})

test('apk', async () => {
  write('etc/os-release', 'ID=alpine\nVERSION_ID=3.20.1\n')
  write(
    'lib/apk/db/installed',
    'C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\nP:zlib\nV:1.3\nL:Zlib\n\n',
  )
  const { packages } = await findPackages(root)
  assert.deepEqual(packages.map(packageUrl), [
    'pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1',
    'pkg:apk/alpine/zlib@1.3?distro=alpine-3.20.1',
  ])
  assert.deepEqual(
    packages.map(({ license }) => license),
    ['MIT', 'Zlib'],
  )
})

/** A header of rpm's database: entries of tag, type, offset, count, then the data. */
function rpmHeader(fields: readonly (readonly [tag: number, value: string | number])[]): Buffer {
  const data: Buffer[] = []
  const entries = fields.map(([tag, value]) => {
    const offset = Buffer.concat(data).length
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`) : Buffer.alloc(4)
    if (typeof value === 'number') bytes.writeUInt32BE(value)
    data.push(bytes)
    const entry = Buffer.alloc(16)
    for (const [at, word] of [tag, typeof value === 'string' ? 6 : 4, offset, 1].entries())
      entry.writeUInt32BE(word, at * 4)
    return entry
  })
  const head = Buffer.alloc(8)
  head.writeUInt32BE(fields.length, 0)
  head.writeUInt32BE(Buffer.concat(data).length, 4)
  return Buffer.concat([head, ...entries, ...data])
}

test('rpm: from the SQLite database; a damaged or an old one is told', async () => {
  write('etc/os-release', 'ID=fedora\nVERSION_ID=41\n')
  mkdirSync(join(root, 'usr/lib/sysimage/rpm'), { recursive: true })
  const database = new DatabaseSync(join(root, 'usr/lib/sysimage/rpm/rpmdb.sqlite'))
  database.exec('CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)')
  const insert = database.prepare('INSERT INTO Packages (blob) VALUES (?)')
  const bash = [
    [1000, 'bash'],
    [1001, '5.2'],
    [1002, '4.fc41'],
    [1003, 1],
    [1014, 'GPL-3.0-or-later'],
    [1022, 'x86_64'],
  ] as const
  insert.run(rpmHeader(bash))
  insert.run(
    rpmHeader([
      [1000, 'gpg-pubkey'],
      [1001, 'x'],
    ]),
  )
  insert.run(Buffer.from('rubbish'))
  database.close()
  write('var/lib/rpm/rpmdb.sqlite', 'no database')
  write('var/lib/rpm/Packages', 'Berkeley')
  assert.deepEqual(await urls(), ['pkg:rpm/fedora/bash@5.2-4.fc41?arch=x86_64&distro=fedora-41&epoch=1'])
  assert.deepEqual((await findPackages(root)).unread, ['var/lib/rpm/rpmdb.sqlite', 'var/lib/rpm/Packages'])
})

test('npm and pip: packages, not what lies inside them', async () => {
  write('app/package.json', '{"name":"mine","version":"1.0.0"}')
  write('app/node_modules/a/package.json', '{"name":"a","version":"1.0.0","license":"MIT"}')
  write('app/node_modules/a/node_modules/a/package.json', '{"name":"a","version":"0.9.0"}')
  write('app/node_modules/a/esm/package.json', '{"name":"inner","version":"9"}')
  write('app/node_modules/@s/b/package.json', '{"name":"@s/b","version":"2.0.0-rc.1"}')
  write('app/node_modules/broken/package.json', '{')
  write(
    'usr/lib/python3/dist-packages/Foo_Bar-1.0.dist-info/METADATA',
    'Name: Foo_Bar\nVersion: 1.0\n\nName: no\n',
  )
  write('usr/lib/python3/dist-packages/old.egg-info', 'Name: old\nVersion: 2\nLicense: UNKNOWN\n')
  assert.deepEqual(await urls(), [
    'pkg:npm/%40s/b@2.0.0-rc.1',
    'pkg:npm/a@0.9.0',
    'pkg:npm/a@1.0.0',
    'pkg:pypi/foo-bar@1.0',
    'pkg:pypi/old@2',
  ])
})

test('no link of the image leads out of it', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'mille-outside-'))
  writeFileSync(join(outside, 'status'), 'Package: host\nVersion: 1\n')
  mkdirSync(join(root, 'var/lib'), { recursive: true })
  symlinkSync(outside, join(root, 'var/lib/dpkg'))
  mkdirSync(join(root, 'lib/apk/db'), { recursive: true })
  symlinkSync(join(outside, 'status'), join(root, 'lib/apk/db/installed'))
  assert.deepEqual(await urls(), [])
  rmSync(outside, { recursive: true })
})

test('SPDX: same packages, same bytes; a license text is no expression', async () => {
  write('app/node_modules/a/package.json', '{"name":"a","version":"1.0.0","license":"MIT OR Apache-2.0"}')
  write(
    'app/node_modules/b/package.json',
    '{"name":"b","version":"1.0.0","license":"SEE LICENSE IN file.txt, please"}',
  )
  const found = await findPackages(root)
  const text = JSON.stringify(spdxDocument(found, 0))
  assert.equal(text, JSON.stringify(spdxDocument(await findPackages(root), 0)))
  const document = JSON.parse(text) as {
    packages: { name: string; licenseDeclared?: string; licenseComments?: string }[]
    relationships: unknown[]
    creationInfo: { created: string }
  }
  assert.equal(document.creationInfo.created, '1970-01-01T00:00:00Z')
  assert.deepEqual(
    document.packages.slice(1).map((one) => one.licenseDeclared),
    ['MIT OR Apache-2.0', 'NOASSERTION'],
  )
  assert.equal(document.packages[2]?.licenseComments, 'SEE LICENSE IN file.txt, please')
  assert.equal(document.relationships.length, 3)
})
