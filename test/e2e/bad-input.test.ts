import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { freshBundle, mustRun, runMille } from '../support/kill-sweep.ts'
import { rawEnd, rawEntry } from '../support/raw-tar.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'

// The rows D-C, D-I and D-G of the bad-input table by the real command: exact words, exit code, and a store that is as it
// was. Dockerfile errors have golden files in src/dockerfile; what is wrong with `run` is tested with containers.

const top = mkdtempSync(join(tmpdir(), 'mille-bad-input-'))
const root = join(top, 'store')
const at = (name: string): string => join(top, name)
let open: StartedRegistry
let locked: StartedRegistry

before(async () => {
  freshBundle()
  for (const folder of ['ctx', 'nofile', 'lower', 'badignore', 'empty']) mkdirSync(at(folder))
  writeFileSync(at('ctx/Dockerfile'), 'FROM scratch AS build\nCOPY a /a\n')
  writeFileSync(at('ctx/a'), 'a')
  writeFileSync(at('lower/dockerfile'), 'FROM scratch\n')
  writeFileSync(at('badignore/Dockerfile'), 'FROM scratch\nCOPY a /a\n')
  writeFileSync(at('badignore/.dockerignore'), '*.o\n[a\n')
  writeFileSync(at('nothing'), '')
  writeFileSync(at('zip'), Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(600)]))
  writeFileSync(at('text'), 'not a tar\n'.repeat(100))
  writeFileSync(at('root.tar'), Buffer.concat([rawEntry({ name: 'a' }, 'a'), rawEnd]))
  writeFileSync(at('htpasswd'), `ann:${hashSync('secret', 4)}\n`)
  await mustRun(root, 'import', at('root.tar'), 'app:1')
  await mustRun(root, 'import', '-c', 'LABEL used=1', at('root.tar'), 'used:1')
  await mustRun(root, 'create', '--name', 'holder', 'used:1', '/a')
  open = await startRegistry()
  locked = await startRegistry({ htpasswd: at('htpasswd') })
  await mustRun(root, 'tag', 'app:1', `${open.host}/app:1.0`)
  await mustRun(root, 'tag', 'app:1', `${locked.host}/app:1`)
  await mustRun(root, 'push', `${open.host}/app:1.0`)
})
after(async () => {
  await runMille(root, ['rm', '-f', 'holder'])
  await open[Symbol.asyncDispose]()
  await locked[Symbol.asyncDispose]()
  umount(root)
  rmSync(top, { recursive: true, force: true })
})

/** A row of the table, the words of the command, its exit code, and all that it says on standard error. */
type Row = readonly [row: string, words: readonly string[], code: number, said: string]

const daemon = 'Error response from daemon: '
const failed = 'ERROR: failed to build: '
const more = (command: string): string => `\n\nRun '${command} --help' for more information`
const usage = (command: string, rest: string): string => `\n\nUsage:  ${command} ${rest}${more(command)}`
const buildUsage = usage('mille build', '[OPTIONS] PATH | URL | -')

async function check(rows: readonly Row[]): Promise<void> {
  const images = await listing()
  for (const [row, words, code, said] of rows) {
    const { out, err, ...ended } = await runMille(root, words, { DOCKER_CONFIG: at('docker') })
    const title = `${row} mille ${words.join(' ')}`
    assert.equal(err, `${said}\n`, title)
    assert.equal(ended.code, code, `${title}\n${out}`)
  }
  assert.equal(await listing(), images)
}

const listing = (): Promise<string> =>
  mustRun(root, 'images', '-a', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}')

test('D-F10 a base, a stage or an image to copy from that is not there: its reference, and what is near', async () => {
  const missing = (name: string, near: string): string =>
    `the build is offline, and image ${name} for linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'} is not here: ` +
    `bring it before, as with mille pull ${name} (did you mean ${near}?)`
  const row = (line: string, word: string, reason: string): Row => {
    const file = at('near')
    const column = line.indexOf(word)
    const lines = ['FROM scratch AS build', 'COPY a /a', 'FROM used:1', line]
    const said = [
      `${file}:4:${column + 1}`,
      `   2 | ${lines[1]}`,
      `   3 | ${lines[2]}`,
      `>  4 | ${line}`,
      `     | ${' '.repeat(column)}${'^'.repeat(word.length)}`,
      `error: ${reason}`,
      `ERROR: failed to build: ${reason}`,
    ]
    writeFileSync(file, lines.join('\n'))
    return ['D-F10', ['build', '-q', '--offline', '-f', file, at('ctx')], 1, said.join('\n')]
  }
  await check([row('FROM usde:1', 'usde:1', missing('usde:1', 'used:1'))])
  await check([row('FROM debain', 'debain', missing('debain:latest', 'debian'))])
  await check([row('COPY --from=biuld /a /b', 'biuld', missing('biuld:latest', 'build'))])
  await check([row('COPY --from=used:2 /a /b', 'used:2', missing('used:2', 'used:1'))])
  const mount = 'RUN --mount=type=bind,from=ap:1,target=/m true'
  await check([row(mount, 'ap:1', missing('ap:1', 'app:1'))])
})

test('D-C what build is called with', async () => {
  const read = `${failed}failed to read Dockerfile: `
  const context = `${failed}unable to prepare context: `
  await check([
    ['D-C1', ['build', at('nope')], 1, `${context}path "${at('nope')}" not found`],
    [
      'D-C1',
      ['build', at('ctx/Dockerfile')],
      1,
      `${context}path "${at('ctx/Dockerfile')}" is a file: name its folder, and the Dockerfile with -f`,
    ],
    ['D-C2', ['build', at('nofile')], 1, `${read}no Dockerfile or Containerfile in ${at('nofile')}`],
    [
      'D-C2',
      ['build', at('lower')],
      1,
      `${read}no Dockerfile or Containerfile in ${at('lower')}; found "dockerfile": use -f dockerfile`,
    ],
    ['D-C3', ['build', '-f', at('nope'), at('ctx')], 1, `${read}${at('nope')} is not there`],
    ['D-C3', ['build', '-f', at('ctx'), at('ctx')], 1, `${read}${at('ctx')} is not a file but a folder`],
    [
      'D-C4',
      ['build', '-t', 'UPPER', at('ctx')],
      1,
      `${failed}invalid tag "UPPER": invalid reference format: repository name (library/UPPER) must be lowercase`,
    ],
    [
      'D-C4',
      ['build', '-t', 'a@sha256:1', at('ctx')],
      1,
      `${failed}invalid tag "a@sha256:1": invalid reference format: the digest "sha256:1" needs sha256: and 64 lower-case hex digits`,
    ],
    [
      'D-C4',
      ['build', '-t', '', at('ctx')],
      1,
      `${failed}invalid tag "": invalid reference format: the name is empty`,
    ],
    ['D-C5', ['build', '--build-arg', '=x', at('ctx')], 1, `${failed}invalid key-value pair "=x": empty key`],
    ['D-C5', ['build', '--label', '', at('ctx')], 1, `${failed}invalid key-value pair "": empty key`],
    [
      'D-C10',
      ['build', at('badignore')],
      1,
      `${failed}.dockerignore:2: invalid pattern "[a": missing ] of [`,
    ],
    ['D-C11', ['build', 'a', 'b'], 1, `mille: 'mille build' requires 1 argument${buildUsage}`],
    ['D-C11', ['build'], 1, `mille: 'mille build' requires 1 argument${buildUsage}`],
    [
      'D-C12',
      ['build', '--taget', 'x', '.'],
      125,
      `unknown flag: --taget, did you mean --target?${buildUsage}`,
    ],
    [
      'D-C13',
      ['build', '-f', '-', '-'],
      1,
      `${failed}invalid argument: can't use stdin for both build context and dockerfile`,
    ],
    [
      'D-C14',
      ['build', 'http://user:pass@127.0.0.1:1/repo.git'],
      1,
      `${failed}git http://user:***@127.0.0.1:1/repo.git: unable to access 'http://127.0.0.1:1/repo.git/': Failed to connect to 127.0.0.1 port 1: Couldn't connect to server`,
    ],
    [
      'D-C14',
      ['build', 'https://h/repo.git?refs=x'],
      1,
      `${context}unknown query "refs" of a git URL: there are ref, tag, branch, subdir, checksum, commit, mtime, keep-git-dir, submodules, fetch-by-commit`,
    ],
    [
      'B13',
      ['build', '--build-context', 'x', at('ctx')],
      1,
      `${failed}invalid context value "x": must be NAME=VALUE`,
    ],
    [
      'B13',
      ['build', '--build-context', 'x=oci-layut://a', at('ctx')],
      1,
      `${failed}invalid context "x": "oci-layut://a" is no folder and no URL (did you mean oci-layout://?)`,
    ],
    [
      'D-F13',
      ['build', '--target', 'buidl', at('ctx')],
      1,
      `${failed}no stage "buidl" in Dockerfile (did you mean build?); stages: build`,
    ],
    [
      'D-F24',
      ['build', '--network', 'hots', at('ctx')],
      1,
      `${failed}invalid network mode "hots": did you mean host?`,
    ],
  ])
})

test('D-I1 names of images', async () => {
  const wrong = (rule: string): string => `invalid reference format: ${rule}`
  await check([
    ['D-I1', ['pull', 'Foo'], 1, wrong('repository name (library/Foo) must be lowercase')],
    ['D-I1', ['pull', 'a:'], 1, wrong('the tag of "a:" is empty')],
    [
      'D-I1',
      ['pull', 'a@sha256:x'],
      1,
      wrong('the digest "sha256:x" needs sha256: and 64 lower-case hex digits'),
    ],
    ['D-I1', ['pull', ''], 1, wrong('the name is empty')],
    ['D-I1', ['pull', '--', '-x'], 1, wrong('"-x" starts with a dash: a name starts with a letter or digit')],
    [
      'D-I6',
      ['import', at('root.tar'), 'UPPER'],
      1,
      wrong('repository name (library/UPPER) must be lowercase'),
    ],
    [
      'D-I6',
      ['tag', 'app:1', 'UPPER'],
      1,
      `Error parsing reference: "UPPER" is not a valid repository/tag: ${wrong('repository name (library/UPPER) must be lowercase')}`,
    ],
    [
      'D-I6',
      ['tag', '', 'a'],
      1,
      `Error parsing reference: "" is not a valid repository/tag: ${wrong('the name is empty')}`,
    ],
    ['D-I5', ['rmi', 'nope'], 1, `${daemon}No such image: nope:latest`],
    ['D-I6', ['save', 'nope'], 1, `${daemon}No such image: nope`],
    ['D-I3', ['push', 'nope'], 1, 'An image does not exist locally with the tag: nope'],
    ['D-I3', ['push', `app@sha256:${'0'.repeat(64)}`], 1, 'cannot push a digest reference: name a tag'],
  ])
})

test('D-I2, D-I3, D-I4 what a registry does not have or give', async () => {
  const unknown = (name: string, hint: string): string =>
    `${daemon}manifest for ${name} not found: manifest unknown${hint}`
  const login = `${daemon}unauthorized: authentication required for app on ${locked.host} (it may not exist, or run: mille login ${locked.host})`
  await check([
    ['D-I2', ['pull', `${open.host}/app:1.1`], 1, unknown(`${open.host}/app:1.1`, ' (did you mean 1.0?)')],
    ['D-I2', ['pull', `${open.host}/app:stable`], 1, unknown(`${open.host}/app:stable`, ' (there are 1.0)')],
    ['D-I2', ['pull', `${open.host}/nope:1`], 1, unknown(`${open.host}/nope:1`, '')],
    [
      'D-R2',
      ['run', `${open.host}/app:2.0`],
      125,
      `Unable to find image '${open.host}/app:2.0' locally\nmille: ${unknown(`${open.host}/app:2.0`, ' (did you mean 1.0?)')}${more('mille run')}`,
    ],
    ['D-I3', ['push', `${locked.host}/app:1`], 1, login],
    ['D-I3', ['pull', `${locked.host}/app:1`], 1, login],
    [
      'D-I4',
      ['login', '-u', 'ann', '-p', 'wrong', locked.host],
      1,
      `WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n${daemon}Get "https://${locked.host}/v2/": unauthorized: incorrect username or password`,
    ],
    [
      'D-I4',
      ['login', '-u', 'ann', locked.host],
      1,
      'Error: Cannot perform an interactive login from a non TTY device: use --username and --password-stdin',
    ],
    [
      'D-I4',
      ['login', '--password-stdin', locked.host],
      1,
      'the --password-stdin option requires --username to be set',
    ],
    [
      'D-I4',
      ['login', '-u', 'ann', '-p', 'x', '--password-stdin', locked.host],
      1,
      'conflicting options: cannot specify both --password and --password-stdin',
    ],
  ])
})

test('D-I5 images that are in use or not one', async () => {
  const id = (name: string): Promise<string> => mustRun(root, 'images', '-q', name)
  const [shared, used] = [await id('app:1'), await id('used:1')]
  const container = (await mustRun(root, 'ps', '-aq')).slice(0, 12)
  const conflict = `${daemon}conflict: unable to `
  await check([
    [
      'D-I5',
      ['rmi', shared],
      1,
      `${conflict}delete ${shared} (must be forced) - image is referenced in multiple repositories`,
    ],
    [
      'D-I5',
      ['rmi', used],
      1,
      `${conflict}delete ${used} (must be forced) - image is being used by stopped container ${container}`,
    ],
    [
      'D-I5',
      ['rmi', 'used:1'],
      1,
      `${conflict}remove repository reference "used:1" (must force) - container ${container} is using its referenced image ${used}`,
    ],
  ])
})

test('D-I6, D-I7 archives', async () => {
  const archive = `${daemon}not an image archive: `
  await check([
    ['D-I6', ['load', '-i', at('nope')], 1, `open ${at('nope')}: no such file or directory`],
    ['D-I6', ['load', '-i', at('ctx')], 1, `open ${at('ctx')}: is a directory`],
    ['D-I6', ['load', '-i', at('nothing')], 1, `${daemon}the archive is empty`],
    ['D-I6', ['load'], 1, `${daemon}the archive is empty`],
    ['D-I6', ['load', '-i', at('zip')], 1, `${archive}it is a zip`],
    ['D-I6', ['save', '-o', at('no/x.tar'), 'app:1'], 1, `open ${at('no/x.tar')}: no such file or directory`],
    ['D-I6', ['save', '-o', at('ctx'), 'app:1'], 1, `open ${at('ctx')}: is a directory`],
    ['D-I7', ['import', at('nope')], 1, `open ${at('nope')}: no such file or directory`],
    ['D-I7', ['import', at('ctx')], 1, `open ${at('ctx')}: is a directory`],
    ['D-I7', ['import', at('nothing')], 1, `${daemon}the archive is empty`],
    [
      'D-I7',
      ['import', `http://${open.host}/x.tar`],
      1,
      `cannot fetch http://${open.host}/x.tar: status 404`,
    ],
    ['D-I7', ['import', '-c', 'FOO x', at('root.tar')], 1, `${daemon}FOO is not a valid change command`],
    [
      'D-I7',
      ['import', '-c', 'EXPOSE x', at('root.tar')],
      1,
      `${daemon}invalid change "EXPOSE x": invalid port "x": must be a number or a range first-last`,
    ],
  ])
})

test('D-G1 commands, D-R13 formats and filters', async () => {
  const template =
    'template parsing error: template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope; there are '
  await check([
    [
      'D-G1',
      ['biuld'],
      1,
      `mille: unknown command: mille biuld\n\nDid you mean this?\n\tmille build${more('mille')}`,
    ],
    ['D-G1', ['nope'], 1, `mille: unknown command: mille nope${more('mille')}`],
    [
      'D-G1',
      ['image', 'lss'],
      1,
      `mille: unknown command: mille image lss\n\nDid you mean this?\n\tmille image ls${more('mille image')}`,
    ],
    ['D-G1', ['help', 'x'], 1, 'unknown help topic: x'],
    ['D-G1', ['--nope'], 125, `unknown flag: --nope${more('mille')}`],
    [
      'D-G3',
      ['--root', at('nothing'), 'images'],
      1,
      `${daemon}no store can be opened at ${at('nothing')}: mkdir ${at('nothing')}: file exists; choose another folder with --root or MILLE_ROOT`,
    ],
    [
      'D-R13',
      ['images', '--format', '{{.Nope}}'],
      1,
      `${template}Containers, CreatedAt, CreatedSince, Digest, ID, Repository, SharedSize, Size, Tag, UniqueSize, VirtualSize`,
    ],
    [
      'D-R13',
      ['images', '--filter', 'foo=1'],
      1,
      "invalid filter 'foo': there are dangling, label, before, since, reference, until",
    ],
    [
      'D-R13',
      ['image', 'prune', '-f', '--filter', 'until=yesterdayy'],
      1,
      'invalid value for until: "yesterdayy" is no time: use e.g. 42m, 2026-01-02T13:23:37Z or a UNIX timestamp',
    ],
    [
      'D-G1',
      ['registry', 'serve', '--address', 'foo'],
      125,
      `invalid argument "foo" for "-a, --address" flag: use HOST:PORT, e.g. 127.0.0.1:5000${usage('mille registry serve', '[OPTIONS]')}`,
    ],
  ])
})
