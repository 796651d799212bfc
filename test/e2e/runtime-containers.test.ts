import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { readContainerLog } from '../../src/runtime/log/container-log.ts'
import { findProgram } from '../../src/runtime/machine.ts'
import { openRuntime } from '../../src/runtime/open-runtime.ts'
import type { AttachedStreams, ContainerHandle, ProcessSpec, Runtime } from '../../src/runtime/runtime.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { makeBusyboxRoot } from '../support/busybox-root.ts'
import { killProcess } from '../support/kill-process.ts'
import { uniqueId } from '../support/unique-id.ts'
import { until } from '../support/until.ts'

const top = mkdtempSync(join(tmpdir(), 'mille-containers-'))
const root = join(top, 'root')
makeBusyboxRoot(root)
after(() => rmSync(top, { recursive: true }))

const stateFolder = join(top, 'state')
const made: { runtime: Runtime; handle: ContainerHandle }[] = []
afterEach(async () => {
  for (const { runtime, handle } of made.splice(0)) await runtime.delete(handle, { force: true })
})

let count = 0
async function create(
  runtime: Runtime,
  script: string,
  extra: Partial<ProcessSpec> & { stdin?: boolean; exitCommand?: string[] } = {},
): Promise<ContainerHandle> {
  count += 1
  const handle = handleOf(uniqueId(`ctr${count}`))
  mkdirSync(handle.folder, { recursive: true })
  const { stdin = false, exitCommand, ...rest } = extra
  const spec: ProcessSpec = {
    rootfs: root,
    args: ['sh', '-c', script],
    env: [],
    cwd: '/',
    user: '',
    hostname: 'ctr',
    network: { kind: 'none' },
    mounts: [],
    ...rest,
  }
  made.push({ runtime, handle })
  await runtime.create(handle, spec, {
    stdin,
    logPath: logOf(handle),
    ...(exitCommand === undefined ? {} : { exitCommand }),
  })
  return handle
}

const handleOf = (id: string): ContainerHandle => ({
  id,
  folder: join(top, 'containers', id),
  runFolder: join(top, 'run', id),
})
const logOf = (handle: ContainerHandle): string => join(handle.folder, 'container.log')
const running = async (
  runtime: Runtime,
  handle: ContainerHandle,
): Promise<{ pid: number; supervised: boolean }> => {
  const state = await runtime.state(handle)
  assert.ok(state.status === 'running' || state.status === 'paused', state.status)
  return state
}
const rejects = (promise: Promise<unknown>, code: Parameters<typeof isMilleError>[1]): Promise<void> =>
  assert.rejects(promise, (error) => isMilleError(error, code))

async function readAll(streams: AttachedStreams): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  for await (const { stream, chunk } of streams.output) text[stream] += chunk.toString('latin1')
  return text
}

async function readUntil(streams: AttachedStreams, wanted: string | RegExp): Promise<string> {
  let text = ''
  for await (const { chunk } of streams.output) {
    text += chunk.toString()
    if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text
  }
  return assert.fail(`ended after ${JSON.stringify(text)}`)
}

/** The error code of opening it for writing; asked again while some process on the machine runs from the same file. */
async function writeRefusal(path: string): Promise<string | undefined> {
  let code: string | undefined
  await until(() => {
    code = undefined
    try {
      closeSync(openSync(path, 'r+'))
    } catch (error) {
      code = (error as NodeJS.ErrnoException).code
    }
    return code !== 'ETXTBSY'
  })
  return code
}

test('crun: its program file cannot be written by way of the process that becomes the container (CVE-2019-5736)', async () => {
  const runtime = openRuntime({ stateFolder: join(stateFolder, 'crun'), program: 'crun' })
  const handle = await create(runtime, 'true')
  const program = openSync(`/proc/${readFileSync(join(handle.runFolder, 'pid')).toString()}/exe`, 'r')
  await runtime.start(handle)
  await runtime.wait(handle)
  assert.equal(await writeRefusal(`/proc/self/fd/${program}`), 'EROFS')
  closeSync(program)
})

for (const program of ['crun', 'runc'] as const) {
  const runtime = openRuntime({ stateFolder: join(stateFolder, program), program })

  test(`${program}: created, running, exited; output to the byte; nothing left after delete`, async () => {
    const handle = await create(runtime, 'printf "a\\nb\\0c"; echo err >&2; sleep 0.2; printf " end"; exit 9')
    assert.deepEqual(await runtime.state(handle), { status: 'created' })
    await using streams = await runtime.attach(handle, { stdin: false, tty: false })
    await runtime.start(handle)
    assert.equal((await running(runtime, handle)).supervised, true)
    assert.deepEqual(await readAll(streams), { stdout: 'a\nb\0c end', stderr: 'err\n' })
    const result = await runtime.wait(handle)
    assert.equal(result.exitCode, 9)
    const state = await runtime.state(handle)
    assert.deepEqual(state, {
      status: 'exited',
      exitCode: 9,
      finishedAt: result.finishedAt,
      oomKilled: false,
    })
    await runtime.delete(handle)
    assert.deepEqual(readdirSync(join(stateFolder, program, 'runtime')), [])
    assert.equal(execFileSync('find', ['/sys/fs/cgroup', '-name', handle.id, '-type', 'd']).toString(), '')
  })

  test(`${program}: it can be started again after its end`, async () => {
    const handle = await create(runtime, 'exit 1')
    await runtime.start(handle)
    await runtime.wait(handle)
    await runtime.create(
      handle,
      JSON.parse(
        JSON.stringify({
          rootfs: root,
          args: ['true'],
          env: [],
          cwd: '/',
          user: '',
          hostname: 'h',
          network: { kind: 'none' },
          mounts: [],
        }),
      ) as ProcessSpec,
      { stdin: false, logPath: logOf(handle) },
    )
    await runtime.start(handle)
    assert.equal((await runtime.wait(handle)).exitCode, 0)
  })

  test(`${program}: exec gives output, code, user and folder; bad ones are named`, async () => {
    const handle = await create(runtime, 'sleep 1000', { env: ['FROM=config'] })
    const idle = { env: ['A=1'], tty: false, stdin: false }
    await rejects(runtime.exec(handle, { ...idle, args: ['true'] }), 'CONTAINER_NOT_RUNNING')
    await runtime.start(handle)
    await using process = await runtime.exec(handle, {
      ...idle,
      args: ['sh', '-c', 'id -u; pwd; echo $A; cat; echo e >&2; exit 6'],
      stdin: true,
      user: 'build',
      cwd: '/tmp',
    })
    await process.write(Buffer.from('typed'))
    await process.end()
    assert.deepEqual(await readAll(process), { stdout: '1000\n/tmp\n1\ntyped', stderr: 'e\n' })
    assert.equal((await process.wait()).exitCode, 6)
    await rejects(runtime.exec(handle, { ...idle, args: ['nosuch'] }), 'COMMAND_NOT_FOUND')
    await rejects(runtime.exec(handle, { ...idle, args: ['/etc'] }), 'COMMAND_NOT_EXECUTABLE')
    await rejects(
      runtime.exec(handle, { ...idle, args: ['true'], cwd: '/proc/self/fd/7' }),
      'WORKDIR_INVALID',
    )
    await rejects(runtime.exec(handle, { ...idle, args: ['true'], user: 'ghost' }), 'USER_NOT_FOUND')
    assert.deepEqual(readdirSync(join(handle.runFolder, 'exec')), [])
    await runtime.pause(handle)
    assert.equal((await runtime.state(handle)).status, 'paused')
    await rejects(runtime.exec(handle, { ...idle, args: ['true'] }), 'CONTAINER_PAUSED')
    await runtime.resume(handle)
    assert.equal((await runtime.state(handle)).status, 'running')
    await rejects(runtime.delete(handle), 'CONTAINER_STILL_RUNNING')
  })

  test(`${program}: a terminal: echo, size, Ctrl-C, and detaching leaves it alive`, async () => {
    const handle = await create(
      runtime,
      'stty size; trap "echo INT" INT; while read line; do until stty size | grep "33 100"; do sleep 0.02; done; echo "got $line"; done; echo over',
      { tty: true, stdin: true },
    )
    await using streams = await runtime.attach(handle, { stdin: true, tty: true })
    await streams.resize(100, 33)
    await runtime.start(handle)
    await streams.resize(100, 33)
    await streams.write(Buffer.from('hello\n'))
    const text = await readUntil(streams, 'got hello')
    assert.match(text, /33 100/)
    await streams[Symbol.asyncDispose]()
    await using again = await runtime.attach(handle, { stdin: true, tty: true })
    await again.write(Buffer.from('more\n'))
    await readUntil(again, 'got more')
    await again.write(Buffer.from('\x04'))
    assert.equal((await runtime.wait(handle)).exitCode, 0)
  })

  test(`${program}: exec with a terminal, and a detached exec`, async () => {
    const handle = await create(runtime, 'sleep 1000')
    await runtime.start(handle)
    await using process = await runtime.exec(handle, {
      args: [
        'sh',
        '-c',
        'tty; read line; until stty size | grep "20 90"; do sleep 0.02; done; echo "got $line"; exit 3',
      ],
      env: [],
      tty: true,
      stdin: true,
    })
    await process.resize(90, 20)
    await process.write(Buffer.from('x\n'))
    const text = await readAll(process)
    assert.match(text.stdout, /\/dev\/pts\/0[^]*20 90[^]*got x/)
    assert.equal((await process.wait()).exitCode, 3)
    const detached = await runtime.exec(handle, {
      args: ['sh', '-c', 'sleep 0.1; echo lost; exit 4'],
      env: [],
      tty: false,
      stdin: false,
      detach: true,
    })
    assert.ok(detached.pid > 1)
    assert.equal((await detached.wait()).exitCode, 0)
    assert.deepEqual(await readAll(detached), { stdout: '', stderr: '' })
  })

  test(`${program}: standard input reaches the process and its end too`, async () => {
    const handle = await create(runtime, 'cat; echo over', { stdin: true })
    await using streams = await runtime.attach(handle, { stdin: true, tty: false })
    await runtime.start(handle)
    const big = Buffer.alloc(100_000, 'x')
    await streams.write(big)
    await streams.end()
    assert.equal((await readAll(streams)).stdout, `${big.toString()}over\n`)
  })

  test(`${program}: limits hold; out of memory is told`, async () => {
    const handle = await create(
      runtime,
      'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; tail /dev/zero',
      { limits: { memory: 24 * 1024 * 1024, pids: 30 } },
    )
    await runtime.start(handle)
    const result = await runtime.wait(handle)
    assert.equal(result.exitCode, 137)
    assert.equal(result.oomKilled, true)
  })

  test(`${program}: containers live on and log on after kill -9 of mille (B-RN-1)`, async () => {
    const handle = handleOf(uniqueId(`kill-${program}`))
    mkdirSync(handle.folder, { recursive: true })
    made.push({ runtime, handle })
    const script = `import { openRuntime } from ${JSON.stringify(import.meta.resolve('../../src/runtime/open-runtime.ts'))}
      const runtime = openRuntime(${JSON.stringify({ stateFolder: join(stateFolder, program), program })})
      const handle = ${JSON.stringify(handle)}
      await runtime.create(handle, ${JSON.stringify({ rootfs: root, args: ['sh', '-c', 'echo one; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo two; exit 5'], env: [], cwd: '/', user: '', hostname: 'h', network: { kind: 'none' }, mounts: [] })}, { stdin: false, logPath: ${JSON.stringify(logOf(handle))} })
      await runtime.start(handle)
      process.kill(process.pid, 'SIGKILL')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
    await new Promise((resolve) => child.once('exit', resolve))
    const { pid } = await running(runtime, handle)
    writeFileSync(join(root, 'tmp/go'), '')
    assert.equal((await runtime.wait(handle)).exitCode, 5)
    rmSync(join(root, 'tmp/go'))
    const lines = (await Array.fromAsync(readContainerLog(logOf(handle)))).map(({ text }) => text.toString())
    assert.deepEqual(lines, ['one\n', 'two\n'])
    assert.equal(existsSync(`/proc/${pid}`), false)
  })

  test(`${program}: without conmon it is shown as unsupervised and can be stopped (B-RN-3)`, async () => {
    const handle = await create(runtime, 'sleep 1000')
    await runtime.start(handle)
    const monitor = Number(readFileSync(join(handle.runFolder, 'conmon.pid'), 'utf8'))
    killProcess(monitor)
    await until(() => !existsSync(`/proc/${monitor}`))
    assert.equal((await running(runtime, handle)).supervised, false)
    await runtime.kill(handle, 'SIGKILL')
    assert.equal((await runtime.wait(handle)).exitCode, 255)
  })

  test(`${program}: the exit command runs after the end, whoever is there`, async () => {
    const marker = join(top, `exit-${program}`)
    const handle = await create(runtime, 'true', {
      exitCommand: ['/bin/sh', '-c', `echo "$0" > ${marker}`, 'arg'],
    })
    await runtime.start(handle)
    await until(() => existsSync(marker) && readFileSync(marker, 'utf8') !== '')
    assert.equal(readFileSync(marker, 'utf8'), 'arg\n')
  })

  test(`${program}: a create that fails leaves nothing and names the runtime`, async () => {
    const before = readdirSync(join(stateFolder, program, 'runtime'))
    const mounts = [{ type: 'bind', source: join(top, 'missing'), target: '/x', readonly: false }] as const
    await rejects(create(runtime, 'true', { mounts }), 'RUNTIME_FAILED')
    await rejects(create(runtime, 'true', { args: ['nosuch'] }), 'COMMAND_NOT_FOUND')
    assert.deepEqual(readdirSync(join(stateFolder, program, 'runtime')), before)
  })

  test(`${program}: hostile /etc and passwd links lead nowhere outside (C-R4, C-R5)`, async () => {
    const hostile = join(top, `hostile-${program}`)
    makeBusyboxRoot(hostile)
    const victim = join(top, 'victim')
    writeFileSync(victim, 'untouched')
    for (const name of ['passwd', 'hosts', 'resolv.conf']) {
      rmSync(join(hostile, 'etc', name))
      symlinkSync(victim, join(hostile, 'etc', name))
    }
    const source = join(top, 'hosts')
    writeFileSync(source, 'mine')
    const mounts = ['hosts', 'resolv.conf'].map(
      (name) => ({ type: 'bind', source, target: `/etc/${name}`, readonly: false }) as const,
    )
    const handle = await create(runtime, 'id -u; echo x > /etc/hosts', { rootfs: hostile, mounts })
    await runtime.start(handle)
    await runtime.wait(handle)
    assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  })

  test(`${program}: all its processes are listed`, async () => {
    const handle = await create(runtime, 'sleep 1000 & sleep 1000 & wait')
    await runtime.start(handle)
    await until(async () => (await runtime.processes(handle)).length === 3)
    assert.ok((await runtime.processes(handle)).includes((await running(runtime, handle)).pid))
  })
}

test('a reader that never reads holds the container up no longer than it is there (B-RN-6)', async () => {
  const runtime = openRuntime({ stateFolder: join(stateFolder, 'slow') })
  const handle = await create(runtime, 'head -c 20000000 /dev/zero | tr "\\0" x; exit 7', { tty: true })
  {
    await using _ = await runtime.attach(handle, { stdin: false, tty: true })
    await runtime.start(handle)
  }
  assert.equal((await runtime.wait(handle)).exitCode, 7)
})

test('output is whole although the process left its input unread', async () => {
  const runtime = openRuntime({ stateFolder: join(stateFolder, 'unread') })
  const handle = await create(runtime, 'sleep 0.2; seq 2000', { stdin: true })
  await using streams = await runtime.attach(handle, { stdin: true, tty: false })
  await runtime.start(handle)
  streams.write(Buffer.alloc(1_000_000)).catch(() => {})
  // this process gets to look only after the end
  while (existsSync(`/proc/${readFileSync(join(handle.runFolder, 'conmon.pid'), 'utf8')}`))
    execFileSync('sleep', ['0.05'])
  const { stdout } = await readAll(streams)
  assert.match(stdout, /^1\n[^]*\n2000\n$/)
})

test('privileged, read-only root, tmpfs and a missing init', async () => {
  const runtime = openRuntime({ stateFolder: join(stateFolder, 'various') })
  const mounts = [
    { type: 'tmpfs', target: '/tmp', readonly: false, options: ['size=1m', 'mode=1777'] },
  ] as const
  const script =
    'echo x > /tmp/x && echo x > /x; grep CapBnd /proc/self/status; ls /dev/full; echo 0 > /proc/sys/kernel/printk_delay && echo writable'
  for (const privileged of [true, false]) {
    const handle = await create(runtime, `exec 2>&1; ${script}`, { privileged, readonlyRootfs: true, mounts })
    await using streams = await runtime.attach(handle, { stdin: false, tty: false })
    await runtime.start(handle)
    const { stdout } = await readAll(streams)
    assert.match(stdout, /\/x: Read-only file system/)
    assert.equal(/^writable$/m.test(stdout), privileged)
    assert.equal(/CapBnd:\t00000000a80425fb/.test(stdout), !privileged)
  }
  if (['docker-init', 'tini-static', 'catatonit'].every((name) => findProgram(name) === undefined)) {
    await rejects(create(runtime, 'true', { init: true }), 'PROGRAM_MISSING')
  } else {
    const handle = await create(runtime, 'tr "\\0" " " < /proc/1/cmdline', { init: true })
    await using streams = await runtime.attach(handle, { stdin: false, tty: false })
    await runtime.start(handle)
    assert.match((await readAll(streams)).stdout, /^\/dev\/init -- sh/)
  }
})

for (const [what, text] of [
  ['garbage', '#!/bin/sh\necho garbage; echo nonsense >&2; exit 0\n'],
  ['silence', '#!/bin/sh\nexit 1\n'],
  ['nothing for ever', '#!/bin/sh\nexec sleep 1000\n'],
] as const) {
  test(`a runtime that gives ${what} is named and nothing is left (B-RN-8)`, async () => {
    const bin = join(top, `bin-${what}`)
    mkdirSync(bin)
    writeFileSync(join(bin, 'crun'), text)
    chmodSync(join(bin, 'crun'), 0o755)
    const path = process.env['PATH']
    process.env['PATH'] = `${bin}:${path}`
    try {
      const runtime = openRuntime({ stateFolder: join(top, `state-${what}`), timeout: 300 })
      await rejects(create(runtime, 'true'), 'RUNTIME_FAILED')
      made.pop()
    } finally {
      process.env['PATH'] = path
    }
  })
}
