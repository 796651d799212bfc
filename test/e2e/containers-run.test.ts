import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runFolder } from '../../src/engine/state-folder.ts'
import { openStore } from '../../src/store/open-store.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** Exit code and first line of the message. */
function refused(...args: readonly string[]): string {
  const { code, out, err } = mille.run(args)
  assert.equal(out, '')
  return `${code} ${err.split('\n', 1)[0]}`
}

const daemon = 'Error response from daemon:'

test('a file of variables is the container’s: Node, which takes that flag for its own, never sees it', () => {
  const file = join(mille.root, 'variables')
  writeFileSync(file, '# comment\nA=b c\n\nNODE_OPTIONS=--no-such-option\nFROM_HERE\nNOT_SET\n')
  const { out, err } = mille.run(['run', '--rm', '--env-file', file, '-e', 'D=e', 'busybox', 'env'], {
    env: { FROM_HERE: 'yes' },
  })
  const lines = out.split('\n').filter((line) => !/^(HOSTNAME|PATH|HOME)=/.test(line))
  assert.deepEqual(lines, ['A=b c', 'NODE_OPTIONS=--no-such-option', 'FROM_HERE=yes', 'D=e', ''], err)
  assert.equal(
    refused('run', '--env-file', '/nope', 'busybox', 'true'),
    '125 mille: open /nope: no such file or directory',
  )
})

test('limits that cannot work are refused before anything is made', () => {
  const before = mille.ok('ps', '-aq')
  assert.equal(
    refused('run', '-m', '1m', 'busybox', 'true'),
    `125 mille: ${daemon} Minimum memory limit allowed is 6MB`,
  )
  for (const cpus of ['0.001', '9999']) {
    assert.match(
      refused('run', '--cpus', cpus, 'busybox', 'true'),
      /^125 mille: Error response from daemon: range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available$/,
    )
  }
  assert.equal(
    refused('run', '-m', '64m', '--memory-swap', '32m', 'busybox', 'true'),
    `125 mille: ${daemon} Minimum memoryswap limit should be larger than memory limit, see usage`,
  )
  assert.equal(mille.ok('ps', '-aq'), before)
})

test('ulimits and the size of /dev/shm hold for the process and its execs, and inspect shows them', () => {
  const flags = ['--ulimit', 'nofile=100:200', '--ulimit', 'core=-1', '--shm-size', '2m']
  mille.ok('run', '-d', '--name', 'limited', ...flags, 'busybox', 'sleep', '1000')
  const script = 'ulimit -n; ulimit -Hn; ulimit -c; df -k /dev/shm | tail -1 | tr -s " "'
  const seen = '100\n200\nunlimited\nshm 2048 0 2048 0% /dev/shm'
  assert.equal(mille.ok('run', '--rm', ...flags, 'busybox', 'sh', '-c', script), seen)
  assert.equal(mille.ok('exec', 'limited', 'sh', '-c', script), seen)
  assert.equal(
    mille.ok('inspect', '-f', '{{json .HostConfig.Ulimits}} {{.HostConfig.ShmSize}}', 'limited'),
    '[{"Name":"core","Hard":-1,"Soft":-1},{"Name":"nofile","Hard":200,"Soft":100}] 2097152',
  )
  mille.ok('rm', '-f', 'limited')
  assert.equal(
    refused('run', '--ulimit', 'nofile=5:3', 'busybox', 'true'),
    '125 invalid argument "nofile=5:3" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 3',
  )
})

test('wrong states name the container as Docker does', () => {
  const id = mille.ok('run', '-d', '--name', 'hold', 'busybox', 'sleep', '1000')
  const made = mille.ok('create', '--name', 'made', 'busybox', 'true')
  assert.equal(refused('unpause', 'hold'), `1 ${daemon} Container ${id} is not paused`)
  assert.equal(
    refused('kill', 'made'),
    `1 ${daemon} cannot kill container: made: container ${made} is not running`,
  )
  assert.equal(
    refused('rm', 'hold'),
    `1 ${daemon} cannot remove container "hold": container is running: stop the container before removing or force remove`,
  )
  assert.match(
    refused('rename', 'hold', 'hold'),
    /Renaming a container with the same name as its current name/,
  )
  assert.match(
    refused('exec', '-w', '/nope', 'hold', 'pwd'),
    /^127 .*chdir to cwd \("\/nope"\) failed: no such file/,
  )
  assert.equal(mille.ok('rm', '-f', 'hold', 'made'), 'hold\nmade')
})

test('--init reaps and forwards: a process of its own is the first one', () => {
  assert.match(mille.ok('run', '--rm', '--init', 'busybox', 'ps'), /^\s+1 root\s+.*init -- ps$/m)
})

test('what cannot start goes with --rm, and stays with its exit code without', () => {
  const before = mille.ok('ps', '-aq')
  assert.match(
    refused('run', '--rm', 'busybox', 'nosuch'),
    /^127 .*exec: "nosuch": executable file not found/,
  )
  assert.match(refused('run', '--rm', 'busybox', '/etc/passwd'), /^126 .*permission denied/)
  assert.equal(mille.run(['run', '--rm', '-d', 'busybox', 'nosuch']).code, 127)
  assert.equal(mille.ok('ps', '-aq'), before)
  mille.run(['run', '--name', 'failed', 'busybox', 'nosuch'])
  const state = mille.ok('inspect', 'failed', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}')
  assert.match(state, /^created 127 exec: "nosuch": executable file not found in \$PATH$/)
})

test('logs -f ends with the container, and at once for one that has ended', () => {
  mille.ok(
    'run',
    '-d',
    '--name',
    'talk',
    'busybox',
    'sh',
    '-c',
    'for i in 1 2 3; do echo $i; sleep 0.2; done',
  )
  assert.equal(mille.ok('logs', '-f', 'talk'), '1\n2\n3')
  assert.equal(mille.ok('logs', '-f', '-n', '1', 'talk'), '3')
})

test('exec -d returns while its command runs on, which leaves nothing behind', () => {
  mille.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000')
  mille.ok('exec', 'box', 'mkfifo', '/go')
  // only the next command opens the pipe: an exec that waits for its end would never return
  assert.equal(mille.ok('exec', '-d', 'box', 'sh', '-c', 'read a </go; echo said; echo "$a" >/done'), '')
  const until = (test: string): string => `i=0; until ${test} || [ $((i += 1)) -gt 400 ]; do sleep 0.05; done`
  assert.equal(mille.ok('exec', 'box', 'sh', '-c', `echo x >/go; ${until('[ -s /done ]')}; cat /done`), 'x')
  const id = mille.ok('inspect', '-f', '{{.Id}}', 'box')
  const left = `find ${runFolder()} -path '*/${id}/exec/*'`
  execFileSync('sh', ['-c', until(`[ -z "$(${left})" ]`)])
  assert.equal(execFileSync('sh', ['-c', left]).toString(), '')
})

test('a repository that reads as the beginning of another image’s ID is the repository, for create as for inspect', () => {
  const context = join(mille.root, 'other')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nENV OTHER=1\n')
  const name = mille.ok('build', '-q', context).replace('sha256:', '').slice(0, 8)
  mille.ok('tag', 'busybox', name)
  const busybox = mille.ok('image', 'inspect', '-f', '{{.Id}}', 'busybox')
  assert.equal(mille.ok('image', 'inspect', '-f', '{{.Id}}', name), busybox)
  mille.ok('create', '--name', 'hexadecimal', name, 'true')
  assert.equal(mille.ok('inspect', '-f', '{{.Image}}', 'hexadecimal'), busybox)
})

/** busybox, with these ports in its config. */
async function exposing(name: string, ...ports: readonly string[]): Promise<void> {
  await using store = await openStore(mille.root)
  const busybox = store.images.find('docker.io/library/busybox:latest')
  assert.ok(busybox)
  const config = { ...busybox.config.config, ExposedPorts: Object.fromEntries(ports.map((one) => [one, {}])) }
  await store.images.create({ config: { ...busybox.config, config }, names: [`localhost/${name}:latest`] })
}

test('-P publishes what an image exposes, each port of a range; what is no port is refused in words, and only then', async () => {
  await exposing('range', '8080/udp', '9001-9002/tcp')
  const id = mille.ok('run', '-d', '-P', 'localhost/range', 'sleep', '100')
  const ports = mille.ok('port', id).split('\n')
  assert.deepEqual(
    ports.map((line) => line.split(' ', 1)[0]),
    ['8080/udp', '9001/tcp', '9002/tcp'],
  )
  mille.ok('rm', '-f', id)
  await exposing('odd', '80/tcp', '99999')
  const before = mille.ok('ps', '-aq')
  const reason = 'the image exposes port "99999": a port is a number from 1 to 65535, or a range of them'
  for (const command of ['run', 'create'])
    assert.match(refused(command, '-P', 'localhost/odd', 'true'), new RegExp(`${daemon} ${reason}$`))
  assert.equal(mille.ok('ps', '-aq'), before)
  assert.equal(mille.ok('run', '--rm', 'localhost/odd', 'echo', 'ran'), 'ran')
})

test('-v takes a path that begins with a dot from the folder of the command, as docker does', () => {
  const folder = join(mille.root, 'here')
  mkdirSync(join(folder, 'sub'), { recursive: true })
  writeFileSync(join(folder, 'sub/file'), 'found')
  const show = (...flags: readonly string[]): string =>
    mille.run(['run', '--rm', ...flags, 'busybox', 'cat', '/x/file'], { cwd: join(folder, 'sub') }).out
  assert.equal(show('-v', '.:/x'), 'found')
  assert.equal(show('-v', '../sub:/x:ro'), 'found')
  assert.equal(show('--mount', 'type=bind,source=./,target=/x'), 'found')
})
