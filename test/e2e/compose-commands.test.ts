import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ComposeProject, composeProject } from '../support/compose-project.ts'
import { testMille, type TestMille } from '../support/mille.ts'

const files = `
services:
  web:
    build:
      context: .
      args: { WORD: argument }
      tags: [other-name:1]
      secrets: [key]
      labels: { mine: "yes" }
    command: sh -c 'cat /word; sleep 1000'
    stop_signal: SIGKILL
    network_mode: none
    scale: 2
    depends_on: [db]
  db:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
    network_mode: none
    post_start: [{ command: touch /started }]
    pre_stop: [{ command: touch /kept/stopping }]
    volumes: [kept:/kept]
  inline:
    build: { dockerfile_inline: "FROM busybox\\nRUN echo $$0 > /shell\\n" }
    command: cat /shell
    network_mode: none
    profiles: [once]
volumes: { kept: }
secrets: { key: { environment: KEY } }
`
const dockerfile = `FROM busybox
ARG WORD
RUN --mount=type=secret,id=key echo "$WORD $(wc -c < /run/secrets/key)" > /word
`

describe('compose commands', () => {
  let mille: TestMille
  let project: ComposeProject
  before(() => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    project = composeProject(mille, files, { KEY: 'secret' })
    project.write('Dockerfile', dockerfile)
    project.ok('up', '-d')
  })
  after(() => {
    project[Symbol.dispose]()
    mille[Symbol.dispose]()
  })

  const running = ['db-1 running', 'web-1 running', 'web-2 running']

  test('up builds what has no image, with arguments, secrets, labels and tags', () => {
    assert.equal(mille.ok('run', '--rm', '--network', 'none', 'other-name:1', 'cat', '/word'), 'argument 6')
    const labels = mille.ok('image', 'inspect', '-f', '{{json .Config.Labels}}', `${project.name}-web`)
    assert.deepEqual(JSON.parse(labels), {
      'com.docker.compose.project': project.name,
      'com.docker.compose.service': 'web',
      'com.docker.compose.version': '2.40.3',
      mine: 'yes',
    })
    assert.match(project.ok('build', '--quiet', 'inline'), /^$/)
    assert.equal(project.run('run', '--rm', 'inline').out, '/bin/sh\n')
  })

  test('exec and run: output, exit codes, variables; run leaves nothing with --rm', () => {
    assert.equal(
      project.ok('exec', '--index', '2', '-e', 'A=b', 'web', 'sh', '-c', 'echo $A; cat /word'),
      'b\nargument 6',
    )
    assert.equal(project.run('exec', 'web', 'sh', '-c', 'exit 7').code, 7)
    assert.equal(project.run('exec', '--nope', 'web', 'true').code, 1)
    assert.match(project.run('exec', 'wed', 'true').err, /^no such service: wed \(did you mean web\?\)$/m)
    const { code, out } = project.run('run', '--rm', '-e', 'A=b', 'web', 'sh', '-c', 'echo $A; exit 5')
    assert.deepEqual([code, out], [5, 'b\n'])
    assert.deepEqual(project.states(), running)
  })

  test('stop, start, restart, pause, kill, rm and scale say and do what they should', () => {
    project.ok('stop', 'web')
    assert.deepEqual(project.states(), ['db-1 running', 'web-1 exited', 'web-2 exited'])
    project.ok('start', 'web')
    assert.deepEqual(project.states(), running)
    project.ok('pause', 'db')
    assert.match(project.ok('ps', '--format', '{{.State}}', 'db'), /^paused$/)
    project.ok('unpause', 'db')
    project.ok('restart', 'db')
    assert.equal(project.ok('exec', 'db', 'ls', '/kept', '/started'), '/started\n\n/kept:\nstopping')
    project.ok('scale', 'web=1')
    assert.deepEqual(project.states(), ['db-1 running', 'web-1 running'])
    project.ok('kill', 'web')
    assert.match(project.ok('rm', '-f'), new RegExp(`^Going to remove ${project.name}-web-1$`))
    assert.deepEqual(project.states(), ['db-1 running'])
    project.ok('create')
    assert.deepEqual(project.states(), ['db-1 running', 'web-1 created', 'web-2 created'])
    project.ok('up', '-d', '--wait')
    assert.deepEqual(project.states(), running)
  })

  test('cp, logs, top, images, ls, port, wait, events', () => {
    project.write('in.txt', 'to all')
    project.ok('cp', join(project.folder, 'in.txt'), 'web:/in.txt')
    assert.equal(project.ok('exec', '--index', '2', 'web', 'cat', '/in.txt'), 'to all')
    project.ok('cp', 'web:/word', join(project.folder, 'out.txt'))
    assert.equal(readFileSync(join(project.folder, 'out.txt')).toString(), 'argument 6\n')
    assert.match(project.ok('logs', 'web'), /^web-1 {2}\| argument 6$/m)
    assert.match(project.ok('top', 'db'), /^SERVICE +# +UID.*\ndb +1 +root .* sleep 1000$/)
    assert.match(project.ok('images'), new RegExp(`^${project.name}-web-2 +${project.name}-web +latest`, 'm'))
    assert.match(
      mille.ok('compose', 'ls'),
      new RegExp(`^${project.name} +running\\(3\\) +/.*/compose.yaml$`, 'm'),
    )
    assert.match(project.run('port', 'web', '80').err, /^no port 80\/tcp for container /)
    assert.match(
      project.ok('events', '--json', '--since', '10m', '--until', '0s', 'db'),
      /"action":"pause".*"service":"db"/,
    )
    mille.ok('kill', `${project.name}-web-1`, `${project.name}-web-2`)
    assert.match(project.run('wait', 'web').err, /^no containers for project/)
  })

  test('without the files a name is enough to see and end a project', () => {
    const elsewhere = (...args: readonly string[]): string =>
      mille.run(['compose', '-p', project.name, ...args], { cwd: '/' }).out
    assert.match(elsewhere('ps', '-a'), /-db-1 /)
    elsewhere('down')
    assert.deepEqual(project.states(), [])
  })
})
