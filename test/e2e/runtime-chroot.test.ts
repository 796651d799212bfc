import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, beforeEach, test } from 'node:test'
import { makeBusyboxRoot } from '../support/busybox-root.ts'
import { runStep, scriptSpec, stepId, type StepOutput } from '../support/run-step.ts'
import { describeTree } from '../support/tree.ts'
import { until } from '../support/until.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { readIfThere, readText } from '../../src/util/read-text.ts'
import { openRuntime } from '../../src/runtime/open-runtime.ts'
import type { ProcessMount, ProcessSpec } from '../../src/runtime/runtime.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-chroot-'))
after(() => rmSync(top, { recursive: true, force: true }))
const root = join(top, 'snapshot/root')
const state = join(top, 'state')
const runtime = openRuntime({ stateFolder: state, isolation: 'chroot' })

beforeEach(() => {
  rmSync(join(top, 'snapshot'), { recursive: true, force: true })
  makeBusyboxRoot(root)
})

function stepSpec(script: string, extra: Partial<ProcessSpec> = {}): ProcessSpec {
  return scriptSpec(root, script, { network: { kind: 'host' }, ...extra })
}

const output = (script: string, extra?: Partial<ProcessSpec>, stdin?: Readable): Promise<StepOutput> =>
  runStep(runtime, stepSpec(script, extra), stdin)

/** Numbers of the processes whose root folder is the step's. */
function processesInRoot(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/root`) === root
    } catch {
      return false
    }
  })
}

function bind(target: string, source: string, extra: Partial<ProcessMount> = {}): ProcessMount {
  return { type: 'bind', source, target, readonly: true, ...extra }
}

test('output, exit code, killing signal and standard input', async () => {
  assert.deepEqual(await output('echo out; echo err >&2; exit 3'), { code: 3, out: 'out\n', err: 'err\n' })
  assert.equal((await output('kill -9 $$')).code, 137)
  assert.equal((await output('cat; exit 4', {}, Readable.from(['from stdin']))).out, 'from stdin')
})

test('the process has its user, groups, folder, environment, mask and limits, and no signal ignored', async () => {
  const ulimits = [{ name: 'nofile', soft: 64, hard: 128 }]
  const spec = { user: 'build', cwd: '/work/deep', env: ['A=1', 'A=2'], ulimits }
  const script = 'id -u; id -G; pwd; echo $HOME $A; umask; ulimit -n; ulimit -Hn; yes | head -n 1; echo $?'
  const { out, err } = await output(script, spec)
  assert.deepEqual(out.trim().split('\n'), [
    '1000',
    '1000 10',
    '/work/deep',
    '/home/build 2',
    '0022',
    '64',
    '128',
    'y',
    '0',
  ])
  assert.equal(err, '')
})

test("capabilities are Docker's without another chroot; no descriptor of the builder is open", async () => {
  const input = new Readable({ read() {} })
  const running = output('touch /tmp/ready; read line', {}, input)
  await until(() => existsSync(join(root, 'tmp/ready')))
  // its keeper may not be back yet
  const pid = processesInRoot().find((one) => readIfThere(`/proc/${one}/comm`) === 'sh\n') ?? ''
  const status = readText(`/proc/${pid}/status`)
  const descriptors = readdirSync(`/proc/${pid}/fd`)
  input.push(null)
  await running
  rmSync(join(root, 'tmp/ready'))
  assert.match(status, /CapInh:\t0{16}\n/)
  assert.match(status, /CapEff:\t00000000a[08]0025fb\n/)
  assert.match(status, /CapBnd:\t00000000a[08]0025fb\n/)
  assert.deepEqual(descriptors, ['0', '1', '2'])
  const left = await output('chroot /tmp /bin/true || /bin/busybox chroot /tmp')
  assert.match(left.err, /[Oo]peration not permitted/)
})

test('mounts are copies; the root is afterwards as the step left it, with no trace of them', async () => {
  const source = join(top, 'source')
  mkdirSync(join(source, 'in'), { recursive: true })
  writeFileSync(join(source, 'in/f'), 'shown\n')
  const hosts = join(top, 'hosts')
  writeFileSync(hosts, '127.0.0.1 here\n')
  rmSync(join(root, 'sys'), { recursive: true })
  const before = describeTree(root)
  const mounts: ProcessMount[] = [
    bind('/etc/hosts', hosts, { readonly: false }),
    bind('/etc/new/made/f', hosts),
    bind('/src', source),
    bind('/dev/pipes/script', hosts),
    { type: 'tmpfs', target: '/src/t', readonly: false, options: ['mode=1777'] },
  ]
  const script =
    'cat /etc/hosts /src/in/f /dev/pipes/script; echo x > /etc/hosts; echo x > /src/in/f; echo x > /src/t/x; echo x > /dev/x; ls /proc /sys; echo x > /dev/null; wc -c < /dev/null'
  const { out } = await output(script, { mounts })
  assert.equal(out, '127.0.0.1 here\nshown\n127.0.0.1 here\n/proc:\n\n/sys:\n0\n')
  assert.deepEqual(describeTree(root), before)
  assert.equal(readText(join(source, 'in/f')), 'shown\n')
  assert.deepEqual(readdirSync(join(top, 'snapshot')), ['root'])
})

test('what a step puts around its mounts stays, whatever it did to them', async () => {
  const hosts = join(top, 'hosts')
  writeFileSync(hosts, 'given\n')
  writeFileSync(join(root, 'etc/hosts'), 'own\n')
  const mounts = [bind('/etc/hosts', hosts), bind('/a/b/f', hosts)]
  await output('rm /etc/hosts; mkdir /etc/hosts; echo 1 > /etc/kept; echo 1 > /a/b/kept', { mounts })
  assert.equal(readText(join(root, 'etc/hosts')), 'own\n')
  assert.equal(readText(join(root, 'etc/kept')), '1\n')
  assert.deepEqual(readdirSync(join(root, 'a/b')), ['kept'])
})

test('what is lasting takes the place of its source, also after a failure', async () => {
  const cache = join(top, 'cache/files')
  mkdirSync(join(cache, 'old'), { recursive: true })
  chmodSync(cache, 0o711)
  const mounts = [bind('/c', cache, { readonly: false, lasting: true })]
  const script = 'mv /c/old /c/new; echo text > /c/f; exit 5'
  assert.equal((await output(script, { mounts })).code, 5)
  assert.deepEqual(readdirSync(cache), ['f', 'new'])
  assert.equal(statSync(cache).mode & 0o7777, 0o711)
  // what is no folder any more is not taken for the cache
  await output('rm -r /c; ln -s /etc /c', { mounts })
  assert.deepEqual(readdirSync(cache), ['f', 'new'])
  assert.equal(existsSync(join(root, 'c')), false)
})

test('a socket is the same one under another name', async () => {
  const path = join(top, 'agent')
  const server = createServer((socket) => socket.end('from outside\n')).listen(path)
  const { out } = await output('ls -l /run/agent', {
    mounts: [bind('/run/agent', path, { readonly: false })],
  })
  assert.match(out, /^srw/)
  assert.equal(lstatSync(path).nlink, 1)
  server.close()
})

test('secrets are there for the step, and gone afterwards', async () => {
  const secrets = {
    env: ['TOKEN=word'],
    files: [{ target: '/s/file', content: Buffer.from('text'), mode: 0o440, uid: 3, gid: 4 }],
  }
  const { out } = await output('echo $TOKEN; cat /s/file; /bin/busybox stat -c " %a %u:%g" /s/file', {
    secrets,
  })
  assert.equal(out, 'word\ntext 440 3:4\n')
  assert.equal(existsSync(join(root, 's')), false)
})

test('everything that a step leaves running is ended, also what left its session', async () => {
  const script =
    'sleep 1000 & (/bin/busybox setsid sh -c "sleep 1000 & sleep 1000" &) ; sh -c "sleep 1000 & exit" ; echo done'
  assert.equal((await output(script)).out, 'done\n')
  assert.deepEqual(processesInRoot(), [])
})

test('abort ends all of it and leaves no state behind', async () => {
  const abort = new AbortController()
  const marker = join(root, 'tmp/started')
  const before = readdirSync(root)
  const spec = stepSpec('/bin/busybox setsid sleep 1000 & touch /tmp/started; sleep 1000', {
    mounts: [{ type: 'tmpfs', target: '/t', readonly: false }],
  })
  const running = runtime.run(stepId, spec, { onOutput: () => {} }, { signal: abort.signal })
  await until(() => existsSync(marker))
  rmSync(marker)
  abort.abort()
  await assert.rejects(running, (error) => isMilleError(error, 'CANCELED'))
  assert.deepEqual(processesInRoot(), [])
  assert.deepEqual(readdirSync(root), before)
  assert.deepEqual(readdirSync(join(state, 'steps')), [])
})

test('a step that kills its keeper fails, and leaves nothing running', async () => {
  await assert.rejects(output('/bin/busybox setsid sleep 1000 & kill -9 $PPID; sleep 1000'), (error) =>
    isMilleError(error, 'RUNTIME_FAILED'),
  )
  assert.deepEqual(processesInRoot(), [])
})

test('the step of a killed mille ends by itself; the next one waits for it and tidies up', async () => {
  const marker = join(root, 'tmp/started')
  const spec = stepSpec('/bin/busybox setsid sleep 1000 & touch /tmp/started; sleep 1000')
  const script = `import { openRuntime } from ${JSON.stringify(import.meta.resolve('../../src/runtime/open-runtime.ts'))}
    await openRuntime(${JSON.stringify({ stateFolder: state, isolation: 'chroot' })}).run(${JSON.stringify(stepId)}, ${JSON.stringify(spec)}, { onOutput() {} })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  await until(() => existsSync(marker))
  rmSync(marker)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  await runtime.endLeftovers()
  assert.deepEqual(processesInRoot(), [])
  assert.deepEqual(readdirSync(join(state, 'steps')), [])
})

test('what would be less isolation than asked for is refused', async () => {
  const refused: Partial<ProcessSpec>[] = [
    { network: { kind: 'none' } },
    { privileged: true },
    { cgroupParent: '/x' },
    { ulimits: [{ name: 'as', soft: 1e9, hard: 1e9 }] },
  ]
  for (const extra of refused)
    await assert.rejects(output('true', extra), (error) => isMilleError(error, 'ISOLATION_UNAVAILABLE'))
})

test('links of an image lead nowhere outside its root (C-R3, C-R4, C-B2)', async () => {
  const outside = join(top, 'outside')
  mkdirSync(outside, { recursive: true })
  writeFileSync(join(outside, 'hosts'), 'of the host\n')
  const hosts = join(top, 'hosts')
  writeFileSync(hosts, 'given\n')
  const links: readonly (readonly [string, string])[] = [
    ['etc/resolv.conf', join(outside, 'made')],
    ['etc/hosts', '../../../../../../..' + join(outside, 'hosts')],
    ['dev', outside],
    ['proc', `${outside}/proc`],
    ['run', outside],
  ]
  for (const [name, target] of links) {
    rmSync(join(root, name), { recursive: true, force: true })
    symlinkSync(target, join(root, name))
  }
  const before = describeTree(root)
  const mounts = [
    bind('/etc/resolv.conf', hosts),
    bind('/etc/hosts', hosts),
    { type: 'tmpfs', target: '/run/t', readonly: false } as const,
  ]
  const secrets = {
    env: [],
    files: [{ target: '/run/s', content: Buffer.from('x'), mode: 0o400, uid: 0, gid: 0 }],
  }
  assert.equal((await output('cat /etc/resolv.conf /etc/hosts', { mounts, secrets })).out, 'given\ngiven\n')
  assert.deepEqual(readdirSync(outside), ['hosts'])
  assert.equal(readText(join(outside, 'hosts')), 'of the host\n')
  assert.deepEqual(describeTree(root), before)
})

test('a folder around a mount that became a link to the host is left alone (CVE-2024-23652)', async () => {
  const outside = join(top, 'canary')
  mkdirSync(join(outside, 'b'), { recursive: true })
  writeFileSync(join(outside, 'c'), 'kept')
  const mounts = [
    { type: 'tmpfs', target: '/a/b', readonly: false } as const,
    bind('/a/c', join(outside, 'c'), { readonly: false, lasting: true }),
  ]
  const { code } = await output(`mv /a /tmp/gone && ln -s ${outside} /a`, { mounts })
  assert.equal(code, 0)
  assert.deepEqual(readdirSync(outside), ['b', 'c'])
  assert.equal(readIfThere(join(outside, 'c')), 'kept')
})

test('a working folder behind a link in a mount is made inside the root (C-R1)', async () => {
  const source = join(top, 'linked')
  const outside = join(top, 'elsewhere')
  mkdirSync(source)
  mkdirSync(outside)
  symlinkSync(outside, join(source, 'out'))
  const { out } = await output('pwd', { mounts: [bind('/m', source)], cwd: '/m/out/deep' })
  assert.equal(out, `${join(outside, 'deep')}\n`)
  assert.deepEqual(readdirSync(outside), [])
})
