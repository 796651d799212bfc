import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { type ComposeProject, composeProject } from '../support/compose-project.ts'
import { type TestMille, testMille } from '../support/mille.ts'

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const file = (word: string): string => `
services:
  web:
    image: busybox
    command: sh -c 'mkdir /w; echo ${word} > /w/index.html; exec httpd -f -p 80 -h /w'
    environment: { WORD: ${word} }
    stop_signal: SIGKILL
    ports: ["127.0.0.1::80"]
    healthcheck: { test: wget -qO- http://127.0.0.1/, interval: 50ms }
    configs: [{ source: c, target: /c }]
    depends_on: { db: { condition: service_healthy } }
    deploy: { update_config: { monitor: 100ms } }
  db:
    image: busybox
    command: sleep 1000
    stop_signal: SIGKILL
    environment: { WORD: ${word} }
    volumes: [data:/data]
    healthcheck: { test: "true", interval: 50ms }
volumes: { data: }
configs: { c: { content: ${word} } }
`

/** Starts the command and ends it with SIGKILL when it has said that. */
async function killAfter(project: ComposeProject, said: RegExp, ...args: readonly string[]): Promise<void> {
  const group = ['-p', project.name, '-f', `${project.folder}/compose.yaml`]
  const child = mille.start('compose', ...group, ...args)
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (said.test(text)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  assert.match(text, said)
}

/** Whatever was left: the next `up` makes it whole. */
function checkWhole(project: ComposeProject, word: string): void {
  project.ok('up', '-d', '--wait')
  const states = project.states()
  assert.equal(states.length, 2, states.join())
  assert.match(states.join(), /^db-1 running,web-\d running$/)
  assert.equal(project.ok('exec', 'web', 'wget', '-qO-', 'http://127.0.0.1/'), word)
  assert.equal(project.ok('exec', 'web', 'cat', '/c'), word)
  const [, name = ''] = states[1]?.match(/^(\S+) /) ?? []
  const index = name.replace('web-', '')
  assert.match(project.ok('port', '--index', index, 'web', '80'), /^127\.0\.0\.1:\d+$/)
}

const moments = [/Network .* Created/, /web-1 {2}Starting/]
for (const moment of moments) {
  test(`compose up, killed: in the first start after ${moment.source}`, async () => {
    using project = composeProject(mille, file('one'))
    await killAfter(project, moment, 'up', '-d')
    checkWhole(project, 'one')
  })
}

for (const moment of [/db-1 {2}Recreate/, /web-1 {2}Recreated/]) {
  test(`compose up, killed: while containers are made anew, after ${moment.source}`, async () => {
    using project = composeProject(mille, file('one'))
    project.ok('up', '-d', '--wait')
    project.write('compose.yaml', file('two'))
    await killAfter(project, moment, 'up', '-d')
    checkWhole(project, 'two')
  })
}

for (const moment of [/web-2 {2}Started/, /web-2 {2}Healthy/, /web-1 {2}Stopping/]) {
  test(`compose up, killed: in a rolling update, after ${moment.source}`, async () => {
    using project = composeProject(mille, file('one'))
    project.ok('up', '-d', '--wait')
    project.write(
      'compose.yaml',
      file('two').replace('{ WORD: two }\n    volumes', '{ WORD: one }\n    volumes'),
    )
    await killAfter(project, moment, 'up', '-d', '--rolling')
    checkWhole(project, 'two')
  })
}
