import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const status = ['grep', '-E', '^(Seccomp|NoNewPrivs):', '/proc/self/status']
const run = (...flags: readonly string[]): string =>
  mille.ok('run', '--rm', ...flags, 'busybox', ...status).replaceAll(/\s+/g, ' ')

test('C-R12 every process has the default filter: run, exec, RUN', () => {
  assert.equal(run(), 'NoNewPrivs: 0 Seccomp: 2')
  mille.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000')
  for (const flags of [[], ['--privileged']])
    assert.match(mille.ok('exec', ...flags, 'box', ...status), /Seccomp:\t2/)
  mille.ok('rm', '-f', 'box')
  const context = join(mille.root, 'context')
  mkdirSync(context)
  const steps = `FROM busybox\nRUN ${status.join(' ').replace('^(Seccomp|NoNewPrivs)', 'Seccomp')} > /seen\n`
  writeFileSync(join(context, 'Dockerfile'), steps)
  mille.ok('build', '-q', '-t', 'seen', context)
  assert.match(mille.ok('run', '--rm', 'seen', 'cat', '/seen'), /Seccomp:\t2/)
})

test('C-R12 what the filter is for is refused, and allowed with the capability for it', () => {
  const unshare = ['busybox', 'unshare', '-m', 'true']
  assert.match(mille.run(['run', '--rm', ...unshare]).err, /unshare.*Operation not permitted/)
  assert.equal(mille.run(['run', '--rm', '--cap-add', 'SYS_ADMIN', ...unshare]).code, 0)
  // a new user namespace asks for no capability: only the filter refuses it
  assert.equal(mille.run(['run', '--rm', 'busybox', 'unshare', '-U', 'true']).code, 1)
})

test('--security-opt: no filter, one of the user’s, no new privileges, open paths', () => {
  assert.equal(run('--security-opt', 'seccomp=unconfined'), 'NoNewPrivs: 0 Seccomp: 0')
  assert.equal(run('--privileged'), 'NoNewPrivs: 0 Seccomp: 0')
  assert.equal(run('--privileged', '--security-opt', 'seccomp=builtin'), 'NoNewPrivs: 0 Seccomp: 2')
  assert.equal(run('--security-opt', 'no-new-privileges'), 'NoNewPrivs: 1 Seccomp: 2')
  const profile = join(mille.root, 'profile.json')
  const names = ['mkdir', 'mkdirat']
  const rules = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_ERRNO' }] }
  writeFileSync(profile, JSON.stringify(rules))
  const own = ['--security-opt', `seccomp=${profile}`]
  const { code, err } = mille.run(['run', '--name', 'own', ...own, 'busybox', 'mkdir', '/x'])
  assert.deepEqual([code, err], [1, "mkdir: can't create directory '/x': Operation not permitted\n"])
  assert.equal(
    mille.ok('inspect', '-f', '{{json .HostConfig.SecurityOpt}}', 'own'),
    JSON.stringify([`seccomp=${JSON.stringify(rules)}`]),
  )
  const write = ['busybox', 'sh', '-c', 'cat /proc/sys/kernel/panic > /proc/sys/kernel/panic']
  assert.match(mille.run(['run', '--rm', ...write]).err, /Read-only file system/)
  assert.equal(mille.run(['run', '--rm', '--security-opt', 'systempaths=unconfined', ...write]).err, '')
})

test('options that make no sense are refused before anything is made', () => {
  const bad = join(mille.root, 'bad.json')
  writeFileSync(bad, '{bad')
  const before = mille.ok('ps', '-aq')
  for (const [option, message] of [
    ['foo=bar', 'invalid --security-opt: "foo=bar": there are'],
    ['seccomp', 'invalid --security-opt: "seccomp"'],
    ['seccomp=/nope.json', 'open /nope.json: no such file or directory'],
    [`seccomp=${bad}`, 'Decoding seccomp profile failed: '],
    ['apparmor=mine', 'security option apparmor is not implemented yet'],
  ] as const) {
    const { code, err } = mille.run(['run', '--security-opt', option, 'busybox', 'true'])
    assert.equal(code, 125)
    assert.ok(err.includes(message), err)
  }
  assert.equal(mille.ok('ps', '-aq'), before)
})

test('C-R3 an image whose /dev, /proc or /sys is a link is refused: nothing is mounted or made on the host', () => {
  const victim = join(mille.root, 'victim')
  const context = join(mille.root, 'links')
  const root = join(context, 'root')
  for (const folder of [victim, context, root]) mkdirSync(folder)
  writeFileSync(join(victim, 'file'), 'untouched')
  const links = { dev: victim, proc: `/../..${victim}`, sys: `${'../'.repeat(20)}${victim.slice(1)}` }
  for (const [name, target] of Object.entries(links)) {
    symlinkSync(target, join(root, name))
    const lines = ['FROM busybox AS box', 'FROM scratch', 'COPY --from=box /bin /bin', 'COPY root/ /']
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
    mille.ok('build', '-q', '-t', 'linked', context)
    const reason = `cannot mount on /${name}: it is a symbolic link there`
    const { code, err } = mille.run(['run', '--rm', 'linked', 'true'])
    assert.equal(code, 125)
    assert.match(err, new RegExp(reason))
    writeFileSync(join(context, 'Dockerfile'), [...lines, 'RUN true'].join('\n'))
    const built = mille.run(['build', '-q', context])
    assert.equal(built.code, 1)
    assert.match(built.err, new RegExp(reason))
    assert.deepEqual(readdirSync(victim), ['file'])
    rmSync(join(root, name))
  }
})
