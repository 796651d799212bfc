import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { composeProject } from '../support/compose-project.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const stack = `
x-common: &common
  image: busybox
  stop_signal: SIGKILL
services:
  web:
    <<: *common
    command: sh -c 'mkdir /w; cp /etc/page /w/index.html; exec httpd -f -p 80 -h /w'
    depends_on: { db: { condition: service_healthy }, init: { condition: service_completed_successfully } }
    configs: [{ source: page, target: /etc/page }]
    secrets: [token, key]
    networks: [front, back]
  worker:
    <<: *common
    command: sleep 1000
    scale: 2
    networks: { back: { aliases: [jobs] } }
  db:
    <<: *common
    command: sh -c 'echo ready > /data/state; sleep 1000'
    healthcheck: { test: test -s /data/state, interval: 50ms, retries: 400 }
    volumes: [data:/data, /anonymous]
    networks: [back]
  init:
    <<: *common
    command: sh -c 'echo from init > /data/init'
    volumes: [data:/data]
    networks: [back]
  tool: { <<: *common, command: sleep 1000, profiles: [debug], network_mode: none }
networks: { front: , back: { internal: true } }
volumes: { data: }
configs: { page: { content: "hello \${WHO:-you}" } }
secrets: { token: { environment: TOKEN }, key: { file: key.txt } }
`

test('compose up: three services with health, volume, networks, secrets; again nothing; changed one; down leaves nothing', () => {
  using project = composeProject(mille, stack, { TOKEN: 's3cret', WHO: 'them' })
  project.write('key.txt', 'the key\n')
  project.ok('up', '-d')
  const running = ['db-1 running', 'init-1 exited', 'web-1 running', 'worker-1 running', 'worker-2 running']
  assert.deepEqual(project.states(), running)
  const inWeb = (...command: readonly string[]): string =>
    mille.ok('exec', `${project.name}-web-1`, ...command)
  assert.equal(inWeb('cat', '/run/secrets/token', '/run/secrets/key'), 's3cretthe key')
  assert.equal(mille.ok('exec', `${project.name}-db-1`, 'cat', '/data/init'), 'from init')
  assert.equal(inWeb('wget', '-qO-', 'http://127.0.0.1/'), 'hello them')
  assert.match(inWeb('nslookup', 'jobs'), /Name:\tjobs/)

  const ids = mille.ok('ps', '-q', '--no-trunc')
  const again = project.run('up', '-d')
  assert.equal(mille.ok('ps', '-q', '--no-trunc'), ids)
  assert.match(again.err, new RegExp(`Container ${project.name}-web-1  Running`))
  assert.doesNotMatch(again.err, /Recreate/)

  project.write('compose.override.yaml', 'services: { worker: { environment: { MORE: "1" } } }')
  const changed = project.run('up', '-d')
  assert.match(changed.err, new RegExp(`Container ${project.name}-worker-2  Recreated`))
  assert.doesNotMatch(changed.err, /(db|web)-1 {2}Recreate/)
  assert.deepEqual(project.states(), running)
  assert.match(mille.ok('exec', `${project.name}-worker-2`, 'env'), /^MORE=1$/m)

  project.ok('--profile', 'debug', 'up', '-d', 'tool')
  assert.ok(project.states().includes('tool-1 running'))
  project.ok('down', '-v', '-t', '0')
  assert.deepEqual(project.states(), ['tool-1 running'])
  const down = project.run('--profile', 'debug', 'down')
  assert.equal(down.code, 0)
  assert.deepEqual(project.states(), [])
  assert.equal(mille.ok('volume', 'ls', '-q'), '')
  assert.doesNotMatch(mille.ok('network', 'ls', '--format', '{{.Name}}'), new RegExp(project.name))
})

test('compose up: a volume without a name stays with its container when that is made anew', () => {
  using project = composeProject(
    mille,
    'services: { a: { image: busybox, command: sleep 1000, stop_signal: SIGKILL, volumes: [/keep], network_mode: none } }',
  )
  project.ok('up', '-d')
  mille.ok('exec', `${project.name}-a-1`, 'touch', '/keep/mine')
  project.ok('up', '-d', '--force-recreate')
  assert.equal(mille.ok('exec', `${project.name}-a-1`, 'ls', '/keep'), 'mine')
  project.ok('up', '-d', '--force-recreate', '--renew-anon-volumes')
  assert.equal(mille.ok('exec', `${project.name}-a-1`, 'ls', '/keep'), '')
  project.ok('down', '-v')
  assert.equal(mille.ok('volume', 'ls', '-q'), '')
})

test('compose up: a network that changed is made anew under its name; a volume keeps its data, with a warning', () => {
  const file = (network: string, volume: string): string =>
    `services: { a: { image: busybox, command: sleep 1000, stop_signal: SIGKILL, volumes: [v:/v] } }\nnetworks: { default: ${network} }\nvolumes: { v: ${volume} }`
  using project = composeProject(mille, file('{}', '{}'))
  project.ok('up', '-d')
  mille.ok('exec', `${project.name}-a-1`, 'touch', '/v/kept')
  project.write('compose.yaml', file('{ internal: true }', '{ labels: { a: b } }'))
  const { err } = project.run('up', '-d')
  assert.match(
    err,
    /volume ".*_v" exists but doesn't match configuration in compose file: it is kept as it is/,
  )
  assert.equal(mille.ok('network', 'inspect', '-f', '{{.Internal}}', `${project.name}_default`), 'true')
  assert.equal(mille.ok('exec', `${project.name}-a-1`, 'ls', '/v'), 'kept')
  assert.doesNotMatch(mille.ok('exec', `${project.name}-a-1`, 'ip', 'route'), /default/)
})

test('compose up: of a range of ports each container takes a free one', () => {
  const first = randomInt(20_000, 30_000)
  using project = composeProject(
    mille,
    `services: { a: { image: busybox, command: sleep 1000, stop_signal: SIGKILL, scale: 3, ports: ["127.0.0.1:${first}-${first + 50}:80"] } }`,
  )
  project.ok('up', '-d')
  const ports = [1, 2, 3].map((index) => project.ok('port', '--index', String(index), 'a', '80'))
  assert.equal(new Set(ports).size, 3)
  for (const port of ports.map((text) => Number(text.replace('127.0.0.1:', ''))))
    assert.ok(port >= first && port <= first + 50, String(port))
  const wanted = mille.ok('inspect', '-f', '{{json .HostConfig.PortBindings}}', `${project.name}-a-1`)
  assert.deepEqual(JSON.parse(wanted), {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: `${first}-${first + 50}` }],
  })
})

test('compose up: services that the file has no more are told, and removed when asked for', () => {
  const service = '{ image: busybox, command: sleep 1000, stop_signal: SIGKILL, network_mode: none }'
  using project = composeProject(mille, `services: { a: ${service}, b: ${service} }`)
  project.ok('up', '-d')
  project.write('compose.yaml', `services: { a: ${service} }`)
  assert.match(
    project.run('up', '-d').err,
    new RegExp(`Found orphan containers \\(\\[${project.name}-b-1\\]\\)`),
  )
  assert.deepEqual(project.states(), ['a-1 running', 'b-1 running'])
  project.ok('up', '-d', '--remove-orphans')
  assert.deepEqual(project.states(), ['a-1 running'])
})

test('compose up: what a dependency is not like is an error, and who needs it does not start', () => {
  using project = composeProject(
    mille,
    `services:
  a: { image: busybox, command: sleep 1000, network_mode: none, stop_signal: SIGKILL, depends_on: { b: { condition: service_completed_successfully } } }
  b: { image: busybox, command: sh -c 'exit 3', network_mode: none }`,
  )
  const { code, err } = project.run('up', '-d')
  assert.equal(code, 1)
  assert.match(err, /service ".*b-1" didn't complete successfully: exit 3$/m)
  assert.deepEqual(project.states(), ['a-1 created', 'b-1 exited'])
})

test('compose up: attached: lines with the names of their services, the code of the one asked for', () => {
  using project = composeProject(
    mille,
    `services:
  a: { image: busybox, command: sh -c 'echo from a; sleep 1000', network_mode: none, stop_signal: SIGKILL }
  long: { image: busybox, command: sh -c 'echo from long; exit 4', network_mode: none }`,
  )
  const { code, out } = project.run('up', '--exit-code-from', 'long')
  assert.equal(code, 4)
  assert.match(out, /^a-1 {5}\| from a$/m)
  assert.match(out, /^long-1 {2}\| from long$/m)
  assert.match(out, /^long-1 exited with code 4$/m)
  assert.deepEqual(project.states(), ['a-1 exited', 'long-1 exited'])
  assert.match(project.ok('logs', '--no-log-prefix', 'a'), /^from a$/)
})

test('compose up: an image is a mount, a volume has options of mount(8)', () => {
  using project = composeProject(
    mille,
    `services:
  a:
    image: busybox
    command: sh -c 'ls /tools/bin/busybox; grep -c " /memory tmpfs " /proc/mounts'
    network_mode: none
    volumes:
      - { type: image, source: busybox, target: /tools }
      - memory:/memory
volumes:
  memory: { driver_opts: { type: tmpfs, device: tmpfs } }`,
  )
  assert.match(project.ok('up', '--no-log-prefix'), /^\/tools\/bin\/busybox\n1$/m)
})

test('compose up: settings that cannot be had are refused by name before anything is made', () => {
  using project = composeProject(mille, 'services: { a: { image: busybox, gpus: all } }')
  const { code, err } = project.run('up', '-d')
  assert.equal(code, 1)
  assert.match(err, /^services\.a\.gpus is not supported by mille: no driver gives GPUs/m)
  assert.deepEqual(project.states(), [])
})
