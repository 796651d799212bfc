import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

// The rows D-R of the bad-input table, and C-R13, by the real command: the first line of what it says, and its exit code.

let mille: TestMille
const at = (name: string): string => join(mille.root, name)

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  writeFileSync(at('bad.env'), 'A=1\n=x\n')
  writeFileSync(at('file'), 'hello\n')
  mille.ok('create', '--name', 'holder', 'busybox', 'true')
  mille.ok('run', '-d', '--name', 'up', '--network', 'none', 'busybox', 'sleep', '1000')
  mille.ok('run', '-d', '--name', 'still', '--network', 'none', 'busybox', 'sleep', '1000')
  mille.ok('pause', 'still')
  // busybox with a script whose interpreter it has not
  mille.ok('create', '--name', 'made', 'busybox')
  writeFileSync(at('script'), '#!/bin/bash\necho never\n', { mode: 0o755 })
  mille.ok('cp', at('script'), 'made:/run-me')
  mille.ok('commit', 'made', 'script')
  mille.ok('rm', 'made')
})
after(() => mille[Symbol.dispose]())

type Row = readonly [row: string, code: number, said: string | RegExp, ...words: readonly string[]]

function check(rows: readonly Row[], before: readonly string[] = []): void {
  const containers = mille.ok('ps', '-aq')
  for (const [row, code, said, ...words] of rows) {
    const result = mille.run([...before, ...words])
    const line = result.err.replace(/^(mille: )?(Error response from daemon: )?/, '').split('\n', 1)[0] ?? ''
    const title = `${row} mille ${[...before, ...words].join(' ')}\n${result.out}${result.err}`
    if (typeof said === 'string') assert.equal(line, said, title)
    else assert.match(line, said, title)
    assert.equal(result.code, code, title)
    assert.doesNotMatch(result.err, /^ {4}at /m, title)
  }
  assert.equal(mille.ok('ps', '-aq'), containers)
}

const run = ['run', '--rm', '--network', 'none']
const box = ['busybox', 'true']

test('D-R1 to D-R4 what is run', () => {
  check([
    ['D-R1', 125, 'unknown flag: --nme, did you mean --name?', 'run', '--nme', 'x', 'busybox'],
    ['D-R1', 125, "'mille run' requires at least 1 argument", 'run'],
    ['D-R2', 125, 'No such image: nosuch:latest', ...run, '--pull', 'never', 'nosuch'],
    ['A17', 1, "'scratch' is a reserved name", 'pull', 'scratch'],
    ['A17', 125, /^Unable to find image 'scratch:latest' locally/, ...run, 'scratch'],
    ['D-R3', 127, 'exec: "nosuch": executable file not found in $PATH', ...run, 'busybox', 'nosuch'],
    ['D-R3', 126, 'exec: "/etc": is a directory', ...run, 'busybox', '/etc'],
    ['D-R3', 126, 'exec: "/etc/passwd": permission denied', ...run, 'busybox', '/etc/passwd'],
    ['D-R3', 127, /^exec: "\/run-me": .*\/bin\/bash/, ...run, 'script', '/run-me'],
    ['D-R4', 7, '', ...run, 'busybox', 'sh', '-c', 'exit 7'],
    ['D-R10', 125, /unknown policy 'sometimes'/, 'run', '--restart', 'sometimes', ...box],
    ['D-R4', 137, '', 'exec', 'up', 'sh', '-c', 'kill -9 $$'],
  ])
})

test('D-R5 to D-R10 with which flags', () => {
  const volume = 'includes invalid characters for a local volume name'
  const cpus = availableParallelism()
  const range = `range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`
  check(
    [
      ['D-R5', 125, 'Invalid hostPort: 99999: use a number from 1 to 65535', '-p', '99999:1', ...box],
      ['D-R5', 125, 'Invalid containerPort: b: use a number from 1 to 65535', '-p', 'a:b', ...box],
      ['D-R6', 125, /'a' mount path must be absolute$/, '-v', 'a', ...box],
      ['D-R6', 125, new RegExp(`^create rel/x: "rel/x" ${volume}`), '-v', 'rel/x:/y', ...box],
      ['D-R6', 125, /'rel' mount path must be absolute$/, '-v', '/x:rel', ...box],
      ['D-R6', 125, /: invalid mode: ro,rw$/, '-v', '/etc:/x:ro,rw', ...box],
      [
        'D-R6',
        125,
        /unknown mount type 'foo': there are bind, volume, tmpfs, image$/,
        '--mount',
        'type=foo',
        ...box,
      ],
      [
        'D-R6',
        125,
        /bind source path does not exist: \/nope$/,
        '--mount',
        'type=bind,source=/nope,target=/x',
        ...box,
      ],
      [
        'D-R6',
        125,
        /invalid propagation mode: foo$/,
        '--mount',
        'type=bind,source=/etc,target=/x,bind-propagation=foo',
        ...box,
      ],
      ['D-R6', 125, /^invalid tmpfs option "foo": there are size=/, '--tmpfs', '/t:foo', ...box],
      ['D-R7', 125, 'Minimum memory limit allowed is 6MB', '-m', '1m', ...box],
      ['D-R7', 125, /invalid size: '-5'$/, '-m', '-5', ...box],
      ['D-R7', 125, range, '--cpus', '0.001', ...box],
      ['D-R7', 125, range, '--cpus', '9999', ...box],
      [
        'D-R7',
        125,
        /^Requested CPUs are not available - requested 4095, available: 0/,
        '--cpuset-cpus',
        '4095',
        ...box,
      ],
      ['D-R7', 125, 'Invalid value 1-0 for cpuset cpus', '--cpuset-cpus', '1-0', ...box],
      ['D-R7', 125, /parsing "x": invalid syntax$/, '--pids-limit', 'x', ...box],
      [
        'D-R8',
        125,
        /^Conflict\. The container name "\/holder" is already in use by container "[0-9a-f]{64}"/,
        '--name',
        'holder',
        ...box,
      ],
      ['D-R8', 125, /only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed$/, '--name', 'a b', ...box],
      ['D-R8', 125, 'invalid hostname: 70 characters, at most 63 are allowed', '-h', 'a'.repeat(70), ...box],
      ['D-R9', 125, 'unable to find user nobdy: no matching entries in passwd file', '-u', 'nobdy', ...box],
      ['D-R9', 125, 'working directory "rel" is refused: it is not absolute', '-w', 'rel', ...box],
      ['D-R9', 125, 'open /nope: no such file or directory', '--env-file', '/nope', ...box],
      [
        'D-R9',
        125,
        'invalid argument "=c" for "-e, --env" flag: invalid environment variable: =c',
        '-e',
        '=c',
        ...box,
      ],
      [
        'D-R9',
        125,
        `invalid argument "=c" for "-l, --label" flag: invalid label '=c': empty name`,
        '-l',
        '=c',
        ...box,
      ],
      ['D-R9', 125, /line 2: no variable name on line '=x'$/, '--env-file', at('bad.env'), ...box],
      ['D-R10', 125, 'network nope not found: did you mean none?', '--network', 'nope', ...box],
      ['D-R10', 125, /cannot specify both --restart and --rm$/, '--restart', 'always', ...box],
      ['D-R10', 125, /plugin "x" not found: there are json-file, local, none$/, '--log-driver', 'x', ...box],
    ],
    run,
  )
})

test('D-R11 to D-R14 what is done with containers', () => {
  check([
    ['D-R11', 1, 'No such container: holdre (did you mean holder?)', 'logs', 'holdre'],
    ['D-R11', 1, 'No such container: other', 'stop', 'other'],
    ['D-R11', 1, /^container [0-9a-f]{64} is not running$/, 'exec', 'holder', 'true'],
    ['D-R11', 1, 'Container still is paused, unpause the container before exec', 'exec', 'still', 'true'],
    ['D-R11', 0, '', 'start', 'up'],
    ['D-R12', 1, 'Could not find the file /nope in container up', 'cp', 'up:/nope', at('.')],
    ['D-R12', 1, 'open /nope: no such file or directory', 'cp', '/nope', 'up:/'],
    ['D-R12', 1, 'copying between containers is not supported', 'cp', 'up:/etc', 'holder:/x'],
    ['D-R12', 1, 'must specify at least one container source', 'cp', 'a', 'b'],
    ['D-R12', 1, 'destination "/etc/passwd/" is not a directory', 'cp', at('file'), 'up:/etc/passwd/'],
    [
      'D-R13',
      1,
      /^invalid value for --since: "yesterdayy" is no time: use e\.g\. 42m/,
      'logs',
      '--since',
      'yesterdayy',
      'up',
    ],
    ['D-R13', 1, /did you mean \.Name\?$/, 'inspect', '-f', '{{.Nope}}', 'up'],
    ['D-R13', 1, /^invalid filter 'foo': there are ancestor, /, 'ps', '--filter', 'foo=1'],
    ['D-R14', 125, /parsing "abc": invalid syntax$/, 'stop', '-t', 'abc', 'up'],
    ['D-R14', 1, 'invalid signal: SIGTREM (did you mean SIGTERM?)', 'kill', '-s', 'SIGTREM', 'up'],
  ])
})

test('C-R1, C-R6, C-R13 what could reach the host or add lines', () => {
  check(
    [
      ['C-R1', 125, /^working directory "\/proc\/self\/fd\/7" is refused/, '-w', '/proc/self/fd/7', ...box],
      ['C-R6', 125, /^invalid user "4294967296": ids go from 0 to 2147483647/, '-u', '4294967296', ...box],
      ['C-R6', 125, /^invalid user "-1"/, '-u', '-1', ...box],
      ['C-R13', 125, /^Invalid container name \(\.\.\/x\)/, '--name', '../x', ...box],
      ['C-R13', 125, /^invalid hostname "a/, '-h', 'a\nb', ...box],
      [
        'C-R13',
        125,
        'invalid IP address in add-host: "1.2.3.4\\n127.0.0.1 b"',
        '--add-host',
        'a:1.2.3.4\n127.0.0.1 b',
        ...box,
      ],
      ['C-R13', 125, 'invalid environment variable: "A\\nB=1"', '-e', 'A\nB=1', ...box],
      [
        'C-R13',
        125,
        'IP address is not correctly formatted: "1.1.1.1\\nsearch evil"',
        '--dns',
        '1.1.1.1\nsearch evil',
        ...box,
      ],
      ['C-R13', 125, /^unknown log opt 'path' for json-file log driver/, '--log-opt', 'path=/tmp/x', ...box],
    ],
    run,
  )
})

test('a tmpfs gets the options that were asked for, a set of processors is kept to', () => {
  const script =
    'cp /bin/busybox /t/busybox && /t/busybox stat -c "%u %a" /t && grep Cpus_allowed_list /proc/self/status'
  const flags = ['--tmpfs', '/t:exec,uid=5,mode=700,size=3m', '--cpuset-cpus', '0']
  assert.equal(mille.ok(...run, ...flags, 'busybox', 'sh', '-c', script), '5 700\nCpus_allowed_list:\t0')
  assert.match(mille.run([...run, '--tmpfs', '/t', 'busybox', 'sh', '-c', script]).err, /Permission denied/)
})
