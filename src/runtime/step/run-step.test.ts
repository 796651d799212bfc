import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { openRuntime } from '../open-runtime.ts'
import { findProgram } from '../machine.ts'
import type { ProcessSpec } from '../runtime.ts'
import { readIfThere, readText } from '../../util/read-text.ts'
import { runStep, scriptSpec, stepId } from '../../../test/support/run-step.ts'
import { uniqueId } from '../../../test/support/unique-id.ts'
import { until } from '../../../test/support/until.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-step-'))
after(() => rmSync(top, { recursive: true }))
const root = join(top, 'root')
for (const folder of ['bin', 'etc', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
cpSync('/bin/busybox', join(root, 'bin/busybox'))
for (const applet of [
  'sh',
  'cat',
  'id',
  'sleep',
  'true',
  'grep',
  'pwd',
  'env',
  'hostname',
  'touch',
  'tail',
  'ls',
]) {
  symlinkSync('busybox', join(root, 'bin', applet))
}
writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nbuild:x:1000:1000::/home/build:/bin/sh\n')
writeFileSync(join(root, 'etc/group'), 'wheel:x:10:build\n')

function stepSpec(script: string, extra: Partial<ProcessSpec> = {}): ProcessSpec {
  return scriptSpec(root, script, { network: { kind: 'none' }, ...extra })
}

for (const program of ['crun', 'runc'] as const) {
  const state = join(top, program)
  const runtime = openRuntime({ stateFolder: state, program })
  const skip = findProgram(program) === undefined ? `${program} is not installed` : false

  test(`${program}: output, exit code and killing signal come back`, { skip }, async () => {
    assert.deepEqual(await runStep(runtime, stepSpec('echo out; echo err >&2; exit 3')), {
      code: 3,
      out: 'out\n',
      err: 'err\n',
    })
    assert.equal((await runStep(runtime, stepSpec('sh -c "kill -9 \\$\\$"; exit $?'))).code, 137)
    assert.equal(
      (await runStep(runtime, stepSpec('cat; exit 4'), Readable.from(['from stdin']))).out,
      'from stdin',
    )
  })

  test(`${program}: CPU time is counted when it is wanted, and no group for it stays`, { skip }, async () => {
    const id = uniqueId(`cpu-${program}`)
    const io = { onOutput: () => undefined }
    const plain = await runtime.run(id, stepSpec('true'), io)
    assert.equal(plain.cpu, undefined)
    const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3'
    const { exitCode, cpu } = await runtime.run(id, stepSpec(script, { measured: true }), io)
    assert.equal(exitCode, 3)
    assert.ok(cpu !== undefined && cpu > 0, `${cpu} ms`)
    assert.deepEqual(globSync(`/sys/fs/cgroup/**/mille-cpu-${id}`), [])
  })

  test(
    `${program}: the process sees its user, groups, folder, host name, environment and no more`,
    { skip },
    async () => {
      const script = 'id -u; id -G; pwd; hostname; echo $HOME; echo $PATH; echo $A'
      const spec = stepSpec(script, { user: 'build', cwd: '/work/deep', env: ['A=1', 'A=2'] })
      const { out } = await runStep(runtime, spec)
      assert.deepEqual(out.trim().split('\n'), [
        '1000',
        '1000 10',
        '/work/deep',
        'step',
        '/home/build',
        '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        '2',
      ])
    },
  )

  test(
    `${program}: capabilities are Docker's, none inheritable or ambient; host descriptors stay outside`,
    { skip },
    async () => {
      const { out } = await runStep(runtime, stepSpec('grep Cap /proc/self/status; ls /proc/self/fd'))
      assert.match(out, /CapInh:\t0{16}/)
      assert.match(out, /CapBnd:\t00000000a80425fb/)
      assert.match(out, /CapAmb:\t0{16}/)
      assert.deepEqual(out.trim().split('\n').slice(5), ['0', '1', '2', '3'])
    },
  )

  test(
    `${program}: mounts show the caller's files, read-only when asked, also through a hostile link`,
    { skip },
    async () => {
      const hosts = join(top, 'hosts')
      writeFileSync(hosts, '127.0.0.1 here\n')
      const mounts = [{ type: 'bind', source: hosts, target: '/etc/hosts', readonly: true }] as const
      assert.match(
        (await runStep(runtime, stepSpec('cat /etc/hosts; echo x > /etc/hosts', { mounts }))).out,
        /here/,
      )
      assert.equal(readText(hosts), '127.0.0.1 here\n')
      assert.equal(existsSync(join(root, 'etc/hosts')), false, 'the mount point is taken away again')
      symlinkSync(join(top, 'victim'), join(root, 'etc/resolv.conf'))
      const linked = [{ type: 'bind', source: hosts, target: '/etc/resolv.conf', readonly: true }] as const
      await runStep(runtime, stepSpec('true', { mounts: linked })).catch(() => {})
      assert.equal(existsSync(join(top, 'victim')), false)
      rmSync(join(root, 'etc/resolv.conf'))
    },
  )

  test(`${program}: a step leaves the root as it was but for its own changes`, { skip }, async () => {
    const before = readdirSync(root)
    const etc = statSync(join(root, 'etc'), { bigint: true }).mtimeNs
    await runStep(
      runtime,
      stepSpec('true', { mounts: [{ type: 'tmpfs', target: '/etc/x/y', readonly: false }] }),
    )
    assert.deepEqual(readdirSync(root), before)
    assert.equal(statSync(join(root, 'etc'), { bigint: true }).mtimeNs, etc)
  })

  test(
    `${program}: a mount point whose folder became a link to the host is not removed there (CVE-2024-23652)`,
    { skip },
    async () => {
      const canary = join(top, `canary-${program}`)
      mkdirSync(join(canary, 'b'), { recursive: true })
      writeFileSync(join(canary, 'c'), '')
      const hosts = join(top, 'hosts')
      writeFileSync(hosts, '')
      const mounts = [
        { type: 'tmpfs', target: '/a/b', readonly: false },
        { type: 'bind', source: hosts, target: '/a/c', readonly: true },
      ] as const
      const script = `/bin/busybox mv /a /tmp/gone && /bin/busybox ln -s ${canary} /a`
      assert.equal((await runStep(runtime, stepSpec(script, { mounts }))).code, 0)
      assert.deepEqual(readdirSync(canary), ['b', 'c'])
      rmSync(join(root, 'a'))
      rmSync(join(root, 'tmp/gone'), { recursive: true })
    },
  )

  test(`${program}: only what was made for a mount, and is still that, is taken away`, { skip }, async () => {
    const mounts = [
      { type: 'tmpfs', target: '/new/mine', readonly: false },
      { type: 'tmpfs', target: '/new/other', readonly: false },
    ] as const
    // the mount point itself is busy, the folder above it is not
    const script = '/bin/busybox mv /new /tmp/old && /bin/busybox mkdir -p /new/mine && touch /tmp/old/kept'
    assert.equal((await runStep(runtime, stepSpec(script, { mounts }))).code, 0)
    assert.deepEqual(readdirSync(join(root, 'new')), ['mine'], 'an empty folder that the step made')
    assert.deepEqual(readdirSync(join(root, 'tmp/old')), ['kept', 'mine', 'other'])
    rmSync(join(root, 'new'), { recursive: true })
    rmSync(join(root, 'tmp/old'), { recursive: true })
  })

  test(`${program}: secrets are given and never lie on a disk`, { skip }, async () => {
    const marker = `marker-${program}-${Date.now()}`
    const secrets = {
      env: [`TOKEN=${marker}`],
      files: [{ target: '/s/file', content: Buffer.from(marker), mode: 0o440, uid: 3, gid: 4 }],
    }
    const script =
      'echo $TOKEN; cat /s/file; /bin/busybox stat -c " %a %u:%g" /s/file; touch /tmp/ready; while [ -e /tmp/ready ]; do sleep 0.01; done'
    const running = runStep(runtime, stepSpec(script, { secrets }))
    await until(() => existsSync(join(root, 'tmp/ready')))
    const steps = join(state, 'steps')
    const [step = ''] = readdirSync(steps)
    const mounted = readText('/proc/self/mountinfo')
      .split('\n')
      .filter((line) => line.includes(join(steps, step)))
    assert.match(mounted.join('\n'), / - tmpfs /)
    // what is outside that memory: the runtime's own state among it
    const found = spawnSync('grep', ['-rlsa', '--exclude-dir', step, marker, state], { encoding: 'utf8' })
    assert.equal(found.stdout, '')
    rmSync(join(root, 'tmp/ready'))
    assert.equal((await running).out, `${marker}\n${marker} 440 3:4\n`)
    assert.deepEqual(readdirSync(steps), [])
  })

  test(`${program}: abort kills the whole tree and leaves no state behind`, { skip }, async () => {
    const abort = new AbortController()
    const marker = join(root, 'tmp/started')
    const spec = stepSpec('sleep 1000 & touch /tmp/started; sleep 1000')
    const running = runtime.run(stepId, spec, { onOutput: () => {} }, { signal: abort.signal })
    await until(() => existsSync(marker))
    rmSync(marker)
    abort.abort()
    await assert.rejects(running, (error) => isMilleError(error, 'CANCELED'))
    assert.deepEqual(readdirSync(join(state, 'steps')), [])
    assert.deepEqual(readdirSync(join(state, 'runtime')), [])
  })

  test(
    `${program}: a working folder in /proc is refused, also behind a link (CVE-2024-21626)`,
    { skip },
    async () => {
      symlinkSync('/proc/self/fd', join(root, 'tmp/link'))
      for (const cwd of ['/proc/self/fd/7', '/tmp/link/7', '/tmp/../proc/1/cwd']) {
        await assert.rejects(
          runStep(runtime, stepSpec('true', { cwd })),
          (error) => isMilleError(error, 'WORKDIR_INVALID'),
          cwd,
        )
      }
      rmSync(join(root, 'tmp/link'))
    },
  )

  test(`${program}: what a killed mille left is ended by the next one`, { skip }, async () => {
    const marker = join(root, 'tmp/started')
    const script = `import { openRuntime } from ${JSON.stringify(import.meta.resolve('../open-runtime.ts'))}
      await openRuntime(${JSON.stringify({ stateFolder: state, program })}).run(${JSON.stringify(stepId)}, ${JSON.stringify(stepSpec('touch /tmp/started; sleep 1000'))}, { onOutput() {} })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
    await until(() => existsSync(marker))
    rmSync(marker)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const pid = await stepPid(state)
    child.kill('SIGKILL')
    await ended
    const next = openRuntime({ stateFolder: state, program })
    assert.equal((await runStep(next, stepSpec('true'))).code, 0)
    assert.deepEqual(readdirSync(join(state, 'steps')), [])
    await until(() => !existsSync(`/proc/${pid}`))
  })
}

/** runc starts the process before it writes the pid. */
async function stepPid(state: string): Promise<number> {
  let text = ''
  await until(() => {
    const step = readdirSync(join(state, 'steps'))[0] ?? ''
    text = readIfThere(join(state, 'steps', step, 'pid'))
    return text !== ''
  })
  return Number(text)
}

test('a runtime that fails is named with its own words', async () => {
  const runtime = openRuntime({ stateFolder: join(top, 'bad') })
  const mounts = [{ type: 'bind', source: join(top, 'missing'), target: '/x', readonly: false }] as const
  await assert.rejects(runStep(runtime, stepSpec('true', { mounts })), (error) =>
    isMilleError(error, 'RUNTIME_FAILED'),
  )
})
